// @4thtech-sdk/storage. Input: { url, token, steps: [{ call, ... }] }

import { readFile, writeFile } from 'node:fs/promises'
import { PollinationX, RemoteStorage } from '@4thtech-sdk/storage'
import { run } from './steps.mjs'

async function written(bytes, to) {
  await writeFile(to, Buffer.from(bytes))
  return { size: bytes.byteLength }
}

const calls = {
  // The first sends a part without a file's name, the second one with it.
  upload: async ({ provider }, { file }) => provider.upload(await readFile(file), 'name'),
  store: ({ storage }, { file }) => storage.store({ path: file }),
  download: async ({ provider }, { address, to }) => written(await provider.download(address), to),
  retrieve: async ({ storage }, { stored, to }) => written(await storage.retrieve(stored), to)
}

await run(
  ({ url, token }) => {
    const provider = new PollinationX(url, token)
    return { provider, storage: new RemoteStorage({ storageProvider: provider }) }
  },
  (client, step) => calls[step.call](client, step)
)
