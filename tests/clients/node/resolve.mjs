// For `node --import`: lets the scripts in this folder import what tests/run installed elsewhere, and
// packages whose files name others without `.js`, as those of @4thtech-sdk do.

import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'

const here = new URL('.', import.meta.url).href
const installed = pathToFileURL(`${process.env.CASGATE_NPM}/kubo/index.js`).href

registerHooks({
  resolve(specifier, context, next) {
    const bare = !specifier.startsWith('.') && !specifier.includes(':')
    const ours = context.parentURL?.startsWith(here)
    const from = bare && ours ? { ...context, parentURL: installed } : context
    try {
      return next(specifier, from)
    } catch (error) {
      if (bare) throw error
      return next(`${specifier}.js`, from)
    }
  }
})
