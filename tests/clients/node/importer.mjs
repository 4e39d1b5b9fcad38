// ipfs-unixfs-importer with Kubo's parameters: CIDs that casgate has no part in.
// Input: { steps: [{ files: [{ path, file }], version, rawLeaves, chunk, wrap, blocks }] }

import { createReadStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'
import { run } from './steps.mjs'

await run(() => undefined, async (_, { files, version, rawLeaves, chunk, wrap, blocks }) => {
  // Where to keep the blocks, a file each; by default nowhere.
  const store = {
    async put(cid, block) {
      if (blocks !== undefined) await writeFile(`${blocks}/${cid}`, block)
      return cid
    }
  }
  const options = {
    cidVersion: version ?? 0,
    rawLeaves: rawLeaves ?? version === 1,
    leafType: 'file',
    reduceSingleLeafToSelf: true,
    chunker: fixedSize({ chunkSize: chunk ?? 262144 }),
    layout: balanced({ maxChildrenPerNode: 174 }),
    wrapWithDirectory: wrap ?? false
  }
  const source = files.map(({ path, file }) => ({ path, content: file && createReadStream(file) }))
  const results = []
  for await (const { path, cid, size } of importer(source, store, options)) {
    results.push({ path: path ?? '', cid: cid.toString(), size: Number(size) })
  }
  return results
})
