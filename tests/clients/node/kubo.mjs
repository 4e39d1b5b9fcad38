// kubo-rpc-client. Input: { url, token, steps: [{ call, ... }] }

import { createReadStream } from 'node:fs'
import { create, globSource } from 'kubo-rpc-client'
import { run, saved } from './steps.mjs'

const content = file => (file === undefined ? undefined : createReadStream(file))
const added = ({ path, cid, size }) => ({ path, cid: cid.toString(), size })

async function every(source) {
  const all = []
  for await (const one of source) all.push(added(one))
  return all
}

const calls = {
  add: async (ipfs, { file, path, options }) =>
    added(await ipfs.add(path === undefined ? content(file) : { path, content: content(file) }, options)),
  addAll: (ipfs, { files, options }) =>
    every(ipfs.addAll(files.map(({ path, file }) => ({ path, content: content(file) })), options)),
  addFolder: (ipfs, { folder, options }) => every(ipfs.addAll(globSource(folder, '**/*'), options)),
  cat: (ipfs, { arg, options, to }) => saved(ipfs.cat(arg, options), to),
  get: (ipfs, { arg, options, to }) => saved(ipfs.get(arg, options), to),
  blockGet: async (ipfs, { arg, to }) => saved([await ipfs.block.get(arg)], to),
  blockStat: async (ipfs, { arg }) => {
    const { cid, size } = await ipfs.block.stat(arg)
    return { cid: cid.toString(), size }
  },
  version: ipfs => ipfs.version(),
  id: async ipfs => ({ ...(await ipfs.id()), id: (await ipfs.id()).id.toString() })
}

await run(
  ({ url, token }) => create({ url, headers: token === null ? {} : { authorization: `Bearer ${token}` } }),
  (ipfs, step) => calls[step.call](ipfs, step)
)
