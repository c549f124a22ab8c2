/** The files of the page. They are read once, so that no request reaches the file system. */
import * as Effect from "effect/Effect"
import * as WebAssets from "../internal/WebAssets.ts"

export interface PageFile {
  readonly path: `/${string}`
  readonly contentType: string
  readonly body: Uint8Array
}

const html = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>effect-codex</title>
    <link rel="icon" type="image/svg+xml" href="/icon.svg" />
    <link rel="stylesheet" href="/page.css" />
    <script type="module" src="/page.js"></script>
  </head>
  <body>
    <div id="app"><noscript>This page needs JavaScript.</noscript></div>
  </body>
</html>
`

const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#2456c8"/><path d="M8 10l7 6-7 6" fill="none" stroke="#fff" stroke-width="3"/><path d="M17 22h8" stroke="#fff" stroke-width="3"/></svg>
`

const file = (path: PageFile["path"], contentType: string, text: string): PageFile => ({
  path,
  contentType: `${contentType}; charset=utf-8`,
  body: Buffer.from(text)
})

/** Returns the files of the page. In a checkout they are bundled from their sources. */
export const load = Effect.map(
  Effect.all([WebAssets.load("servePage"), WebAssets.load("tracePage")]),
  ([page, trace]): ReadonlyArray<PageFile> => [
    file("/", "text/html", html),
    file("/page.js", "text/javascript", page.script),
    file("/page.css", "text/css", page.style),
    // The trace of a turn has the style of the page of traces, in a shadow root.
    file("/trace.css", "text/css", trace.style),
    file("/icon.svg", "image/svg+xml", icon)
  ]
)
