// tar-stream. Input: { steps: [{ archive }] }

import { createReadStream } from 'node:fs'
import { extract } from 'tar-stream'
import { run, saved } from './steps.mjs'

await run(() => undefined, async (_, { archive }) => {
  const entries = []
  for await (const entry of createReadStream(archive).pipe(extract())) {
    const { name, type, size } = entry.header
    entries.push({ name, type, announced: size, ...(await saved(entry)) })
  }
  return entries
})
