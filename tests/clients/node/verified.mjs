// @helia/verified-fetch. Input: { url, token, steps: [{ resource, headers, to }] }

import { withHTTP } from '@helia/http'
import { createVerifiedFetchWithHelia } from '@helia/verified-fetch'
import { createHeliaLight } from 'helia'
import { run, saved } from './steps.mjs'

async function prepare({ url, token }) {
  const helia = withHTTP(createHeliaLight(), {
    delegatedRouters: [],
    recursiveGateways: [url],
    allowInsecure: true,
    allowLocal: true,
    transformRequestInit: init => {
      const headers = { ...init.headers, authorization: `Bearer ${token}` }
      return { ...init, headers }
    }
  })
  // Without any router but the list of gateways, Helia 7.0 waits for ever.
  helia.addRouter({ name: 'nobody', async * findProviders() {} })
  return createVerifiedFetchWithHelia(await helia.start())
}

await run(prepare, async (fetch, { resource, headers, to }) => {
  // With a session it asks its only gateway again and again.
  const answer = await fetch(resource, { headers, session: false })
  const received = Object.fromEntries(answer.headers)
  return { status: answer.status, headers: received, ...(await saved(answer.body, to)) }
})
