#!/usr/bin/env node
// Plain JavaScript that any Node reads, so that an old one is told what is missing instead of failing on syntax.
var needed = [22, 19]
var found = process.versions.node.split(".").map(Number)
if (found[0] < needed[0] || (found[0] === needed[0] && found[1] < needed[1])) {
  console.error(
    "effect-codex needs Node " + needed.join(".") + " or newer; this is " + process.versions.node + "."
  )
  process.exit(2)
}
import("node:fs").then(function (fs) {
  // A checkout runs from its sources; what is published is built.
  var source = new URL("../src/cli/main.ts", import.meta.url)
  return import(fs.existsSync(source) ? source.href : new URL("../dist/cli/main.js", import.meta.url).href)
})
