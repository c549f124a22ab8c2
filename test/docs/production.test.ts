/** The systemd units and the compose file of docs/production.md. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { parse } from "yaml"
import { pages } from "../../src/cli/generated/helpPages.ts"
import * as HelpPage from "../../src/cli/HelpPage.ts"

const text = readFileSync("docs/production.md", "utf8")

/** Returns the code block with a file name. */
const block = (file: string): string => {
  const code = new RegExp(`\\\`\\\`\\\`\\w+ file="${file}"\\n(.*?)\\n\\\`\\\`\\\``, "s").exec(text)?.[1]
  if (code === undefined) return assert.fail(`docs/production.md has no block ${file}`)
  return code
}

/** Fails if a command line of effect-codex names a command or a flag that does not exist. */
const checkCommand = (words: ReadonlyArray<string>): void => {
  assert.match(words[0] ?? "", /(?:^|\/)effect-codex$/)
  const args = words.slice(1)
  const page = HelpPage.find(pages, args)
  assert.isDefined(page, args.join(" "))
  assert.isAbove(page?.path.length ?? 0, 1, args.join(" "))
  const known = new Map(
    page?.flags.flatMap(({ names, value }) => names.map((name) => [name, value] as const))
  )
  const rest = args.slice((page?.path.length ?? 1) - 1)
  for (let at = 0; at < rest.length; at++) {
    const [name = "", value] = (rest[at] ?? "").split(/=(.*)/s)
    assert.isTrue(known.has(name), `${page?.path.join(" ")} has no ${rest[at]}`)
    // A flag with a value takes the next word.
    if (known.get(name) !== undefined && value === undefined) at++
    assert.isBelow(at, rest.length, `${name} has no value`)
  }
}

/** The settings of a unit, as `Section.Key`. A key can occur again. */
const settings = (unit: string): ReadonlyMap<string, ReadonlyArray<string>> => {
  const found = new Map<string, Array<string>>()
  let section = ""
  for (const line of unit.split("\n").filter((line) => line !== "")) {
    section = /^\[(\w+)\]$/.exec(line)?.[1] ?? section
    if (line.startsWith("[")) continue
    const [, key = "", value = ""] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? assert.fail(`not a setting: ${line}`)
    found.set(`${section}.${key}`, [...(found.get(`${section}.${key}`) ?? []), value])
  }
  return found
}

const seconds = (text: string): number => {
  const [, amount = "", unit = ""] = /^(\d+)(s|min|m)$/.exec(text) ?? []
  return Number(amount) * (unit === "s" ? 1 : 60)
}

describe("docs/production.md", () => {
  it("has systemd units whose commands exist, and that stop Codex only after its turns", () => {
    for (const name of ["agents-host.service", "agents-worker.service"]) {
      const unit = settings(block(name))
      const one = (key: string) => {
        assert.strictEqual(unit.get(key)?.length, 1, `${name}: ${key}`)
        return unit.get(key)?.[0] ?? ""
      }
      checkCommand(one("Service.ExecStart").split(" "))
      assert.strictEqual(one("Service.KillMode"), "mixed")
      assert.strictEqual(one("Service.SuccessExitStatus"), "130")
      const deadline = /--drain-deadline (\S+)/.exec(one("Service.ExecStart"))?.[1] ?? "0s"
      assert.isAbove(seconds(one("Service.TimeoutStopSec")), seconds(deadline))
      assert.include(one("Service.ReadWritePaths").split(" "), "/tmp")
      // The socket and the sandbox of Codex need what these take away.
      for (const key of [
        "PrivateTmp",
        "RestrictNamespaces",
        "PrivateUsers",
        "ProtectProc",
        "ProtectKernelTunables"
      ])
        assert.isFalse(unit.has(`Service.${key}`), key)
    }
    const dir = (name: string) => /--(?:dir|host) (\S+)/.exec(block(name))?.[1]
    assert.strictEqual(dir("agents-worker.service"), dir("agents-host.service"))
  })

  it("has a compose file whose commands exist, whose images are pinned, and whose names are declared", () => {
    const compose = parse(block("compose.yaml"), { merge: true })
    assert.sameMembers(Object.keys(compose.services), ["postgres", "worker", "serve", "collector"])
    for (const [name, service] of Object.entries<Record<string, unknown>>(compose.services)) {
      assert.match(String(service["image"]), /^[\w./-]+(?::\d+\.\d+[\w.-]*|@sha256:[0-9a-f]{64})$/, name)
      const command = service["command"]
      if (Array.isArray(command) && command[0] === "effect-codex") checkCommand(command)
      for (const secret of Array.isArray(service["secrets"]) ? service["secrets"] : [])
        assert.property(compose.secrets, secret)
      for (const volume of Array.isArray(service["volumes"]) ? service["volumes"] : []) {
        const source = String(volume).split(":")[0] ?? ""
        if (!/^[./]/.test(source)) assert.property(compose.volumes, source)
      }
    }
    for (const name of ["worker", "serve"])
      assert.strictEqual(compose.services[name].command[0], "effect-codex")
  })

  it("would not pass with an option that does not exist", () => {
    assert.throws(
      () => checkCommand("effect-codex host serve --dir x --drain 1m".split(" ")),
      /has no --drain/
    )
    assert.throws(() => checkCommand("effect-codex host server --dir x".split(" ")))
    assert.throws(() => checkCommand("effect-codex worker --db".split(" ")), /has no value/)
  })
})
