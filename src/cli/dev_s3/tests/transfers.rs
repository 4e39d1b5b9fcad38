use super::*;

fn pattern(length: usize, seed: usize) -> Vec<u8> {
    (0..length)
        .map(|index| u8::try_from((index * 31 + index / 251 + seed) % 256).expect("a byte"))
        .collect()
}

#[tokio::test]
async fn bodies_of_every_size_around_the_buffers_come_back() {
    let server = Server::start().await;
    const PIECE: usize = 256 * 1024;
    for length in [1, 4095, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 9 * PIECE + 5] {
        let body = pattern(length, length);
        server.put("key", body.clone()).await;
        assert!(server.get("key").await == body, "{length}");
        let first = length / 3;
        let get =
            server.client.get_object().bucket(BUCKET).key("key").range(format!("bytes={first}-"));
        let part = get.send().await.expect("a part").body.collect().await.expect("a body").to_vec();
        assert!(part == body[first..], "{length}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_connections_are_served_at_once() {
    let server = Server::start().await;
    // Each connection has begun a request before the first of them ends one.
    let mut streams = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(server.address).await.expect("connected");
        stream.write_all(b"GET /test-bucket/key HTTP/1.1\r\nhost: x\r\n").await.expect("sent");
        streams.push(stream);
    }
    server.put("key", "meanwhile").await;
    assert_eq!(server.get("key").await, b"meanwhile");
    for mut stream in streams {
        stream.write_all(b"connection: close\r\n\r\n").await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("answered");
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_see_one_write_or_another_and_never_a_mixture() {
    let server = Server::start().await;
    let bodies: Vec<Vec<u8>> = (0..4).map(|seed| pattern(600_000, seed * 50)).collect();
    let mut e_tags = Vec::new();
    for body in &bodies {
        e_tags.push(server.put("key", body.clone()).await);
    }
    let mut writers = tokio::task::JoinSet::new();
    for body in bodies.clone() {
        let client = server.client.clone();
        writers.spawn(async move {
            for _ in 0..6 {
                let put = client.put_object().bucket(BUCKET).key("key");
                put.body(ByteStream::from(body.clone())).send().await.expect("stored");
            }
        });
    }
    let mut reads = 0;
    while !writers.is_empty() {
        let got =
            server.client.get_object().bucket(BUCKET).key("key").send().await.expect("an object");
        let e_tag = got.e_tag().map(str::to_owned);
        let body = got.body.collect().await.expect("a body").to_vec();
        let index = bodies.iter().position(|known| *known == body).expect("one of the bodies");
        assert_eq!(e_tag.as_ref(), Some(&e_tags[index]));
        reads += 1;
        while let Some(ended) = writers.try_join_next() {
            ended.expect("a writer");
        }
    }
    assert!(reads > 0);
}

#[tokio::test]
async fn an_upload_that_breaks_off_stores_nothing() {
    let server = Server::start().await;
    server.put("key", "before").await;
    let put = server.client.put_object().bucket(BUCKET).key("key");
    let config =
        aws_sdk_s3::presigning::PresigningConfig::expires_in(std::time::Duration::from_secs(60));
    let url = put.presigned(config.expect("a duration")).await.expect("a URL").uri().to_owned();
    let target = url.strip_prefix(&format!("http://{}", server.address)).expect("this server");
    let mut stream = TcpStream::connect(server.address).await.expect("connected");
    let head = format!(
        "PUT {target} HTTP/1.1\r\nhost: {}\r\ncontent-length: 1000000\r\n\r\n",
        server.address
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(&[7; 400_000]).await.expect("sent");
    stream.shutdown().await.expect("shut down");
    // The connection ends once the server has given the upload up.
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.expect("ended");
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
    assert_eq!(server.get("key").await, b"before");
}

#[tokio::test]
async fn accepted_connections_send_without_waiting_for_acknowledgements() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let _client = TcpStream::connect(listener.local_addr().expect("an address")).await;
    let accepted = super::super::accept(&listener).await.expect("accepted");
    assert!(accepted.nodelay().expect("the option"));
}

#[tokio::test]
async fn dropping_the_server_ends_its_connections_and_frees_the_port() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address).await.expect("connected");
    stream.write_all(b"GET / HTTP/1.1\r\n").await.expect("sent");
    let address = server.address;
    let _server = server.restart().await;
    let mut rest = Vec::new();
    // Closed or reset, but not kept.
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
    assert!(TcpStream::connect(address).await.is_err());
}
