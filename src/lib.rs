//! casgate: a gateway in front of S3-compatible object storage.
//!
//! It authenticates callers, turns the names clients use into S3 keys, and answers with a presigned
//! redirect or streams the object, verified against its digest; and it takes uploads. This page is
//! the map: modules in the order a request meets them, then what never happens where, then the
//! reasons for the choices that could have gone otherwise.
//!
//! ```text
//! bytes ──edge──> head ──gateway──> route ─parse─> Call ─authorize─> Grant ─layout─> Key(s)
//!                                               └──open single-use token────────────────┤
//!                                                                                     │ sign
//!                                                                                     v
//! log, metrics <──settle── bytes <──transfer──> storage <───── redirect, stream or upload
//! ```
//!
//! # Modules, in request order
//!
//! | module | what it does |
//! |---|---|
//! | [`cli`] | one file per subcommand; `serve` runs a plan until the process ends; reloads, trials of buckets, sweeps |
//! | [`config`] | the YAML as types, no logic |
//! | [`plan`] | `Config` to `Plan`: names resolved, rules compiled, every problem listed |
//! | [`edge`] | connections: TLS, HTTP/1 and HTTP/2, deadlines, framing, drain; the admin port |
//! | [`gateway`] | `decide` and `admit`: one request, top to bottom |
//! | [`dialect`] | wire protocols: request to `Call`, outcome or error back to an answer |
//! | [`auth`] | `authorize`: credential, JWT, rules, and the `Grant` they earn |
//! | [`token`] | what the gateway seals itself: single-use tokens, tickets; the ledger of uses |
//! | [`jwks`] | the keys issuers publish: fetched over TLS, kept fresh, served through outages |
//! | [`conditions`] | `If-*` and `Range` for content that names itself |
//! | [`content`] | digests, CIDs, names of cache entries, file names, and the layout that makes keys of them |
//! | [`graph`] | files and folders as graphs of blocks: what a CID may name that is not a file's own bytes |
//! | [`bucket`] | addresses, credentials, signatures, what storage's answers mean, what is known |
//! | [`quota`] | how many bytes a tenant may store |
//! | [`upload`] | uploads in pieces: a register and segments, until they are an object |
//! | [`catalog`] | artifacts, versions and blobs: documents in the bucket |
//! | [`state`] | what replicas have to agree on: a register per key, in one of several stores |
//! | [`transfer`] | the copy loop from storage to client, and uploads the other way |
//! | [`reply`] | answers made here, and the headers all dialects share |
//! | [`error`] | `Error` for the log, `Kind` for machines |
//! | `backoff` | pauses between attempts, for whoever fetches in the background |
//! | [`telemetry`] | metrics, access log, the process's own log |
//!
//! # What never happens
//!
//! - No request reaches a bucket without a [`auth::Grant`], which nothing outside of [`auth`] can
//!   make, or a [`token::DownloadToken`], which was sealed for somebody who had one. No header, and
//!   no method, goes around it.
//! - No use of a single-use token is given to two: of all who claim it one does, wherever they are
//!   ([`token::ledger`]), and nobody hears of a use before it is claimed. Nothing that comes before
//!   the claim takes one: no HEAD, no prefetch, no failure of storage ([`transfer::redeem`]).
//! - No write to a state store is sent a second time because its answer was lost ([`state`]).
//! - No forged token reaches the state store, and no token is kept in it: it knows uses by ids, and
//!   their receivers by hashes.
//! - No header, path byte or framing of a client's request reaches storage: a request to storage is
//!   built from nothing ([`bucket::Bucket::sign_read`], [`bucket::Bucket::sign_write`]). What a build
//!   cache keeps beside an entry a dialect has read and found sound.
//! - Nothing is written without a [`content::layout::WritableKey`], which only a grant to write
//!   opens; and what an untrusted caller writes, nobody else's keys lead to. What the gateway itself
//!   keeps books in is below `.casgate/`, where no content is ([`upload`], [`catalog`]).
//! - No signature of a wallet lets anybody in twice ([`gateway::nonces`]), and none is looked for in
//!   the books whose signer is not the wallet, or has no storage.
//! - No tenant adds more than its quota, however many replicas it sends to, and whatever becomes of
//!   their questions to the state store ([`quota`]).
//! - No tenant is taken from a request alone: it is one of those that the token names
//!   ([`auth::Grant::within`]).
//! - No object is made of a body that did not come whole, and none of one that is not what its name
//!   says: the last bytes are kept from storage until it is. Of a form, each file counts for itself,
//!   and its blocks are objects; what leads to them, its root, is made when it came whole
//!   ([`transfer::import`]).
//! - No piece of an upload counts that the register does not name, and none is named before its bytes
//!   are stored; no two writers add to the same end ([`upload`]). No multipart upload exists before
//!   nothing can be added any more.
//! - No upload is swept while the state store cannot be asked, or before it says that it is over
//!   ([`upload::Engine::sweep`]).
//! - No artifact names a blob that does not refer back to it, and no blob is deleted that anything
//!   refers to ([`catalog`]). No namespace learns of another's blobs, unless the route says so.
//! - No client gets as many bytes as `Content-Length` announced unless they hash to the digest, or
//!   the route trusts storage's checksum, or the client asked for a part ([`transfer::copy`]).
//! - No upload holds more than one part in memory (one in pieces, one segment), and one of known
//!   length no more than a read buffer; memory for parts and for long questions is bounded for the
//!   whole process ([`transfer::upload::Uploads`]). An upload in pieces that lacks nothing but its
//!   end, and that somebody only looks at, is completed beside that: once at a time, with the end
//!   of it, less than a segment, in memory.
//! - No body that is sent is held in memory beyond one read buffer of 64 KiB, on HTTP/2 two, whatever
//!   the content's size; content of at most that size is held whole while it is checked. Of a graph,
//!   a few blocks are ([`transfer::graph`]).
//! - No block of a graph is looked into, or sent, that is not what its CID says, and no graph gives
//!   more bytes than its root announced ([`graph::Block`], [`graph::walk`]).
//! - No two spellings of a CID have two keys, and no CID of a node has the key of a file
//!   ([`content::cid`], [`plan::Route::block_places`]).
//! - No request is answered by two configurations: it keeps the plan it began with, whatever is
//!   loaded meanwhile ([`edge::Serving`]), and no reload takes effect in part.
//! - No connection outlives a reload that asks clients for another proof of who they are
//!   ([`plan::Admission`]), and no keys, addresses or credentials end with one that does not concern
//!   where they came from ([`bucket::Bucket::inherit`], [`jwks::Source::succeeding`]).
//! - No HTTP/2 stream ends as if it were whole when it is not: it is reset. No more of them are
//!   answered at once than the limits say, those counted that the client gave up.
//! - No body is taken for whole that is not made of chunks exactly ([`edge::chunks`]).
//! - No connection is used again after anything about its framing was unclear, after a chunked
//!   request, or after an answer that is not whole.
//! - No request fetches anything itself: one with an unknown key asks [`jwks`], which fetches at
//!   most once in a while, and waits.
//! - No request is signed with credentials that have ended, and no presigned URL outlives those it
//!   is signed with ([`bucket::credentials::source`]). An error is never kept in their place.
//! - No name is looked up in a request; DNS is asked in the background ([`bucket::endpoint`]).
//! - No credential and no signed query is logged: the access log has paths only, and of a path that
//!   is a credential the part that is none ([`dialect::Dialect::redacted`]).
//! - [`content`], [`graph`], [`dialect`], [`conditions`] and [`auth`] do no I/O and read no clock;
//!   only [`edge`], [`transfer`] and [`cli`] name Pingora (`tests/it/layers.rs` holds the code to
//!   that).
//!
//! # Why it is like this
//!
//! - **An accept loop of our own** ([`edge::server`]) under Pingora's sessions. Pingora's server
//!   sleeps its whole grace period after SIGTERM, aborts when an address is in use, cannot say
//!   which port it got, and reads up to 1 MiB of header per connection before it refuses.
//! - **Files are looked at for changes, not watched**: an interval works the same on every file
//!   system and through the links that Kubernetes swaps. What is compared is inode, length and
//!   time.
//! - **What a single-use token needs is sealed into it**: when its records end, how long it may be
//!   resumed. So replicas with different configurations look for its uses in the same place.
//! - **The window of a resume opens anew with each start**: nobody writes down the end of a transfer,
//!   since nobody may be left to do so, and a long download that is cut often should end.
//! - **A token is taken back by taking its uses**: the register that a claim has to create is created
//!   first, so that nobody has to look in a second place.
//! - **Requests for one token wait for one another** in a process ([`transfer::redeem::Turnstile`]):
//!   a thousand of them open storage once, and the ledger is asked once.
//! - **A state store in another place takes a restart**: in an empty one, all links would be unused.
//! - **A reload that would need a restart is refused** rather than applied in part, so that what
//!   runs is always one file.
//! - **Storage over HTTP/1.1** ([`transfer::storage`]) with Pingora's session: S3 speaks nothing
//!   else, and the session lends its read buffer, so that bytes go from storage to client uncopied
//!   (HTTP/2 keeps them until it may send, in one copy, which the next read waits for).
//!   The pool is ours ([`transfer::idle`]): Pingora's spawns a task for each connection it keeps,
//!   which was a tenth of the processor time of a short answer.
//! - **The last chunk is held back by order, not by a buffer**: a chunk is hashed before it is
//!   written, and the one that completes the length is written only if the hash is right.
//! - **Short writes wait for the next one, but never for storage** ([`edge::gathering`]): whoever
//!   waits for storage looks at the client meanwhile, and a read sends what is held.
//! - **Bodies of uploads are not part of the signature**: a hash of them would have to be known
//!   before the first byte is sent. TLS protects them on their way, and where a content's name is a
//!   digest, the last bytes wait for the hash.
//! - **Storage is asked whether it wants a body** (`Expect: 100-continue`) before a client's is
//!   passed on: a connection that died, credentials that ended, an entry that stays are found out
//!   while everything can still be done again.
//! - **Redirects do not go to entries with a tag**: a storage server cannot answer with
//!   `x-artifact-tag`, and Turborepo takes a signed entry without for a miss
//!   ([`dialect::Dialect::may_redirect`]).
//! - **A file whose name is that of its last byte too is staged** where nobody reads, and copied by
//!   storage itself ([`transfer::import`]): kept here it would take memory or a disk, and sent under
//!   any other name it would be in two places for ever.
//! - **A multipart upload is ours if a layout makes its key** of a name that the dialect stores
//!   ([`content::layout::Layout::makes`]): storage lists uploads with nothing but their keys, and
//!   other programs may use the bucket too.
//! - **An upload's name says when it began** ([`content::upload`]), since the end of a register is
//!   part of its name, and a sweep finds by it what it need not ask about. The object of an upload
//!   has the same name, so that completing it twice makes it once.
//! - **Each segment has what all bytes up to its end hash to behind its own**: an upload can be cut
//!   there without being read again, and the copy that makes it a part leaves that out.
//! - **What is in a list of segments is not in the register**: it would be written again with each
//!   piece.
//! - **The UUID of an artifact follows from its name**: there is no index that would have to agree
//!   with the documents. What is removed leaves a word, since storage deletes without looking.
//! - **Digests of blobs are hints**: whoever follows one looks whether it is true.
//! - **Keys of namespaces are stored as SHA-256**, not by a slow hash: they are random
//!   ([`cli`] makes them), and whoever has none costs nothing.
//! - **Requests are signed where they are sent** (`transfer::signing`), not where they are granted:
//!   one that storage refuses for its signature is signed again, once, with newer credentials or by
//!   storage's clock. What is granted is the [`content::layout::Key`].
//! - **AWS's chain of credentials without its caches**: the SDK finds them, and builds its chain
//!   anew for each answer, so that files are read again and an error is an error. The programs of
//!   `credential_process` and SSO are left out: a gateway starts no programs and has no browser.
//! - **Chunks are looked at before the library does** ([`edge::chunks`]): it takes an empty line
//!   for the end of a body, and what it takes for whole is stored.
//! - **A file is not its blocks**: a node has a key of its own, since the CID of a node is also
//!   that of the file below it, which can be one object. A raw block is a file, and has one key
//!   with it.
//! - **A file of one object is verified by importing it again**: its CID is no hash of its bytes,
//!   but it follows from them and from how they were cut, which stands beside the object. Whoever
//!   changes that changes the CID, so it need not be believed.
//! - **JWTs are parsed here, verified by a library.** The library's parser takes duplicate members
//!   and unknown critical headers; its signatures are what it is good at.
//! - **The embedded S3 server of `casgate dev`** is `s3s` with a store of our own instead of
//!   `s3s-fs`, whose file names cannot hold keys of more than some hundred bytes, and which puts a
//!   body in place before it has checked it ([`cli::dev_s3`]).
//! - **mimalloc** in the program, not in the library: a tenth less processor time for short answers
//!   than with the system's allocator, for some 15 MB of memory (`benches/README.md`).

pub mod auth;
mod backoff;
pub mod bucket;
pub mod catalog;
pub mod cli;
pub mod conditions;
pub mod config;
pub mod content;
pub mod dialect;
pub mod edge;
pub mod error;
pub mod gateway;
pub mod graph;
pub mod jwks;
pub mod plan;
pub mod quota;
pub mod reply;
pub mod state;
pub mod telemetry;
pub mod token;
pub mod transfer;
pub mod upload;
