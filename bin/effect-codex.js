#!/usr/bin/env node
// Syntax that old versions of Node can parse, so that they report the version that is needed instead of a syntax error.
var needed = [22, 19]
var found = process.versions.node.split(".").map(Number)
if (found[0] < needed[0] || (found[0] === needed[0] && found[1] < needed[1])) {
  console.error(
    "effect-codex needs Node " + needed.join(".") + " or newer; this is Node " + process.versions.node + "."
  )
  process.exit(2)
}
import("node:fs").then(function (fs) {
  // A checkout runs from its sources, the published package from dist.
  var source = new URL("../src/cli/main.ts", import.meta.url)
  return import(fs.existsSync(source) ? source.href : new URL("../dist/cli/main.js", import.meta.url).href)
})
