/** Writes turns as one HTML file that needs no network: data, script and style are in it. */
import { createHash } from "node:crypto"
import type { PageData } from "../web/trace/PageData.ts"
import type { PageAssets } from "./PageAssets.ts"

const hashOf = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`

/**
 * The Content-Security-Policy of a page: its own script and style by their hashes, and nothing else. Nothing is loaded, and
 * no text becomes markup or code.
 */
export const policy = ({ script, style }: PageAssets): string =>
  [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'"
  ].join("; ")

/**
 * Writes a value as JSON that is safe inside a `script` element: `<` is escaped, so that no text ends the element or starts
 * a comment, and so are line separators and lone surrogates. The value stays the same.
 */
export const toScriptJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(/[<>&\u2028\u2029]/g, (character) => {
    const code = character.charCodeAt(0).toString(16)
    return `\\u${code.padStart(4, "0")}`
  })

/** Returns the text of the HTML file. */
export const render = (data: PageData, assets: PageAssets): string => {
  // These would end their elements. The bundler escapes them in strings.
  if (/<\/script|<!--/i.test(assets.script) || /<\/style/i.test(assets.style))
    throw new Error("the script or style of the page contains the end of its own element")
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy(assets)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>effect-codex trace</title>
<style>${assets.style}</style>
</head>
<body>
<noscript>This page needs JavaScript. It loads nothing from the network.</noscript>
<script type="application/json" id="data">${toScriptJson(data)}</script>
<script type="module">${assets.script}</script>
</body>
</html>
`
}
