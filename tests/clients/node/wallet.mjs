// ethers: a wallet, and what it signs. Input: { key, steps: [{ message }] }

import { Wallet } from 'ethers'
import { run } from './steps.mjs'

await run(
  ({ key }) => new Wallet(key),
  async (wallet, { message }) => ({ wallet: wallet.address, signature: await wallet.signMessage(message) })
)
