// What the scripts in this folder share: they read what to do from standard input, as JSON, and print
// one result for each step. An error is a result; a crash is not.

import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { json } from 'node:stream/consumers'

const told = error => ({
  name: error.name,
  message: error.message,
  status: error.response?.status ?? error.originalResponse?.getStatus() ?? null,
  causes: (error.errors ?? []).map(String)
})

// Calls `perform` with each step in turn. `prepare` gets the whole input.
export async function run(prepare, perform) {
  const input = await json(process.stdin)
  const client = await prepare(input)
  const results = []
  for (const step of input.steps) {
    try {
      results.push({ value: await perform(client, step) })
    } catch (error) {
      results.push({ error: told(error) })
    }
  }
  process.stdout.write(JSON.stringify(results), () => process.exit(0))
}

// Writes what comes to a file, if one is named; says how much it was, and its SHA-256.
export async function saved(chunks, file) {
  const hash = createHash('sha256')
  const output = file === undefined ? undefined : createWriteStream(file)
  let size = 0
  for await (const chunk of chunks) {
    hash.update(chunk)
    size += chunk.length
    if (output !== undefined && !output.write(chunk)) {
      await new Promise(resolve => output.once('drain', resolve))
    }
  }
  if (output !== undefined) await finished(output.end())
  return { size, sha256: hash.digest('hex') }
}
