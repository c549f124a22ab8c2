/** The structure of `src`: who may import whom, how large a part may grow, and what the package offers. */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"
import { fileURLToPath } from "node:url"
import { browserFiles, facades, layers, pureFiles } from "../scripts/architecture/layers.ts"
import * as PublicApi from "../scripts/architecture/PublicApi.ts"
import * as SourceTree from "../scripts/architecture/SourceTree.ts"

const root = fileURLToPath(new URL("../src", import.meta.url))
const files = SourceTree.read(root)
const importsOf = (path: string) => files.find((file) => file.path === path)?.imports ?? []

const sourceFile = (path: string, ...imports: ReadonlyArray<string>): SourceTree.SourceFile => ({
  path,
  text: "",
  lines: 1,
  imports
})

describe("the architecture", () => {
  it("reads every file and its imports", () => {
    assert.isAbove(files.length, 200)
    assert.include(importsOf("Codex.ts"), "engine/Engine.ts")
  })

  it("has no import cycle, types included", () => assert.deepStrictEqual(SourceTree.cycles(files), []))

  it("has a row for every folder, and no import that its row does not list", () => {
    const folders = new Set(files.map(({ path }) => SourceTree.layerOf(path)))
    assert.sameMembers([...folders], Object.keys(layers))
    assert.deepStrictEqual(SourceTree.layerViolations(files), [])
  })

  it("lists only lower layers in a row, so that the table itself allows no cycle", () => {
    const order = Object.keys(layers)
    for (const [folder, allowed] of Object.entries(layers))
      for (const below of allowed) assert.isBelow(order.indexOf(below), order.indexOf(folder), folder)
  })

  it("lets only the command line, the test kit and the entry points import telemetry", () => {
    const importers = Object.entries(layers).flatMap(([folder, allowed]) =>
      allowed.includes("telemetry") ? [folder] : []
    )
    assert.sameMembers(importers, ["trace", "facades", "promise", "testing", "cli", "index.ts"])
  })

  it("lets nothing in internal import another folder of this package", () => {
    assert.deepStrictEqual(layers["internal"], [])
  })

  it("keeps wire types inside the app-server engine", () => {
    const importers = files.filter(
      ({ imports, path }) =>
        imports.includes("engine/app-server/Protocol.ts") &&
        !path.startsWith("engine/app-server/") &&
        path !== "engine/AppServer.ts"
    )
    assert.deepStrictEqual(
      importers.map(({ path }) => path),
      []
    )
  })

  it("keeps state machines pure: they neither make nor run an Effect", () => {
    for (const path of pureFiles) {
      const file = files.find((file) => file.path === path)
      assert.isDefined(file, path)
      assert.notMatch(file?.text ?? "", /from "effect\/(?:Effect|Fiber|Layer|Runtime)"/, path)
    }
  })

  it("keeps the code of pages free of Node and Effect: it imports only files that a browser can run", () => {
    const page = files.filter(({ path }) => path.startsWith("web/") || browserFiles.includes(path))
    assert.isAbove(page.length, 20)
    for (const { path, text } of page) {
      assert.notMatch(text, /from "(?:node:|effect|@)/, path)
      for (const [, specifier = ""] of text.matchAll(/^import (?!type )[^"]*"(\.[^"]+)"/gm)) {
        const target = normalize(join(dirname(path), specifier))
        assert.isTrue(target.startsWith("web/") || browserFiles.includes(target), `${path} -> ${target}`)
      }
    }
  })

  it("has facades that only re-export", () => {
    for (const path of facades) {
      const text = files.find((file) => file.path === path)?.text ?? ""
      const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/export [\s\S]*?from "[^"]+"/g, "")
      assert.strictEqual(code.trim(), "", path)
    }
  })

  it("has no file of more than 450 lines and no folder with a quarter of the code", () => {
    const long = files.filter(({ lines, path }) => lines > 450 && !SourceTree.isGenerated(path))
    assert.deepStrictEqual(
      long.map(({ path }) => path),
      []
    )
    assert.isBelow(SourceTree.folderShares(files)[0]?.share ?? 1, 0.25)
  })

  it("uses no name for two files or two exported types", () => {
    assert.deepStrictEqual(SourceTree.namesUsedTwice(files), [])
  })

  it("offers exactly the names of the checked-in list", () => {
    const surface = PublicApi.entryPoints.map(
      (entry) => `# ${entry}\n${SourceTree.publicNames(files, entry).join("\n")}\n`
    )
    assert.strictEqual(
      surface.join("\n"),
      readFileSync(new URL("publicSurface.txt", import.meta.url), "utf8"),
      "if the change is wanted: node scripts/architecture.ts --surface"
    )
  })

  it("documents every public name: prose, @since, @category, and an @example of functions, layers and services", () => {
    assert.isAbove(PublicApi.declarations(files).length, 500)
    assert.deepStrictEqual(PublicApi.undocumented(files), [])
  })

  it("has tests in folders that mirror src", () => {
    const test = fileURLToPath(new URL(".", import.meta.url))
    // Suites that cross layers have folders of their own.
    const crossing = new Set([
      "docs",
      "faults",
      "golden",
      "golden-traces",
      "real-codex",
      "services",
      "support"
    ])
    const folders = readdirSync(test, { recursive: true, withFileTypes: true, encoding: "utf8" })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name).slice(test.length))
      .filter((path) => !crossing.has(path.split("/")[0] ?? path))
    for (const folder of folders) assert.isTrue(existsSync(join(root, folder)), folder)
  })
})

describe("the architecture check", () => {
  it("finds a cycle of types and one of three files", () => {
    assert.deepStrictEqual(
      SourceTree.cycles([
        sourceFile("a.ts", "b.ts"),
        sourceFile("b.ts", "c.ts"),
        sourceFile("c.ts", "a.ts"),
        sourceFile("d.ts", "a.ts")
      ]),
      [["a.ts", "b.ts", "c.ts"]]
    )
  })

  it("refuses an import against the layering, between telemetry folders too, and of an unknown folder", () => {
    const found = SourceTree.layerViolations([
      sourceFile("domain/A.ts", "engine/B.ts", "internal/C.ts"),
      sourceFile("telemetry/config/D.ts", "telemetry/tracer/E.ts"),
      sourceFile("telemetry/tracer/E.ts", "telemetry/Otlp.ts", "telemetry/config/D.ts"),
      sourceFile("newFolder/F.ts", "internal/C.ts")
    ])
    assert.deepStrictEqual(found, [
      "domain/A.ts -> engine/B.ts",
      "telemetry/config/D.ts -> telemetry/tracer/E.ts",
      "telemetry/tracer/E.ts -> telemetry/Otlp.ts",
      "newFolder/F.ts -> internal/C.ts"
    ])
  })

  it("finds what the docstring of a public function, layer and service lacks, also behind another name", () => {
    const file = (path: string, text: string) => ({ ...sourceFile(path), text })
    const example = "@example\n * ```ts\n * run()\n * ```"
    const files = [
      file(
        "index.ts",
        `export * as A from "./A.ts"\nexport { hidden as shown, type Shape } from "./B.ts"\nexport * from "./engine/generated/C.ts"\n`
      ),
      file(
        "A.ts",
        `/**\n * Runs.\n * @since 0.1.0\n * @category constructors\n * ${example}\n */\nexport const run = () => 1
/** Waits. */
export const wait = () => 1
/**
 * @since 0.1.0
 * @category models
 */
export interface Options {}
/** @internal */
export const secret = 1
/** A service. @since 0.1.0 */
export class Service extends Context.Service<Service, string>()("key") {
  static readonly layer = 1
}
/**
 * An error.
 * @since 0.1.0
 * @category errors
 */
export class Failed extends Error {}
`
      ),
      file("B.ts", "export function hidden() {}\nexport const unused = 1\nexport type Shape = string\n"),
      file("engine/generated/C.ts", "export type Generated = string\n")
    ]
    assert.deepStrictEqual(PublicApi.undocumented(files, ["index.ts"]), [
      "A.ts#Options: prose",
      "A.ts#Service.layer: prose, @since, @category, @example",
      "A.ts#Service: @since, @category, @example",
      "A.ts#wait: @since, @category, @example",
      "B.ts#Shape: prose, @since, @category",
      "B.ts#hidden: prose, @since, @category, @example"
    ])
  })

  it("finds a file name and an exported type that are used twice", () => {
    const declaring = (path: string, text: string) => ({ ...sourceFile(path), text })
    assert.deepStrictEqual(
      SourceTree.namesUsedTwice([
        declaring("a/Same.ts", "export interface Options {}\n"),
        declaring("b/same.ts", "export type Options = string\n")
      ]),
      ["file same.ts: a/Same.ts, b/same.ts", "type Options: a/Same.ts, b/same.ts"]
    )
  })
})
