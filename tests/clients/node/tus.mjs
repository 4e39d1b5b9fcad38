// tus-js-client. Input: { endpoint, token, steps: [{ call, ... }] }

import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { PassThrough } from 'node:stream'
import { FileUrlStorage, Upload } from 'tus-js-client'
import { run } from './steps.mjs'

// What tus-js-client takes: it reads files as it goes, and streams once.
const sources = {
  buffer: file => readFile(file),
  file: file => createReadStream(file),
  stream: file => createReadStream(file).pipe(new PassThrough())
}

const calls = {
  // Uploads a file; with `pauseAt`, until so many bytes were taken. `storage` is where the URL is kept
  // for other processes, and `resumes` says to look there first.
  upload: async (client, { file, as = 'file', storage, resumes = false, pauseAt, options }) => {
    const requests = []
    const settings = {
      ...client,
      retryDelays: [0, 100, 500, 1000],
      ...(storage !== undefined && { urlStorage: new FileUrlStorage(storage) }),
      ...options,
      onAfterResponse: (request, response) => {
        requests.push({
          method: request.getMethod(),
          status: response.getStatus(),
          offset: request.getHeader('Upload-Offset') ?? null
        })
      }
    }
    const source = await sources[as](file)
    return new Promise((resolve, reject) => {
      const end = () => resolve({ url: upload.url, requests })
      const upload = new Upload(source, {
        ...settings,
        onSuccess: end,
        onError: reject,
        onChunkComplete: (_, taken) => {
          if (pauseAt !== undefined && taken >= pauseAt) upload.abort().then(end, reject)
        }
      })
      if (!resumes) return upload.start()
      upload.findPreviousUploads().then(([previous]) => {
        upload.resumeFromPreviousUpload(previous)
        upload.start()
      }).catch(reject)
    })
  },
  terminate: async (client, { url }) => {
    await Upload.terminate(url, { ...client, retryDelays: [] })
    return null
  }
}

await run(
  ({ endpoint, token }) => ({ endpoint, headers: { Authorization: `Bearer ${token}` } }),
  (client, step) => calls[step.call](client, step)
)
