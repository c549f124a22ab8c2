import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { execFileSync } from "node:child_process"
import * as MediaType from "../../src/internal/MediaType.ts"
import * as FileName from "../../src/internal/FileName.ts"

const nasty = [
  ..."/\\.-~ \n\t\r\0;$`()&|<>*?!#'\"aZ9é",
  "..",
  "../",
  ".png",
  "\u001b[31m",
  "\u007f",
  "\u009b",
  "\u00ad",
  "\u061c",
  "\u200b",
  "\u202e",
  "\u2028",
  "\u2066",
  "\u3000",
  "\ufeff",
  "\ud800",
  "\u{e0041}",
  "日本",
  "👩‍👩‍👧",
  "e\u0301",
  "x".repeat(90)
]
const Nasty = Schema.Array(Schema.Literals(nasty))

const hidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

const isSafe = (name: string) => {
  assert.notStrictEqual(name, "")
  assert.notMatch(name, hidden)
  assert.notMatch(name, /[/\\]/)
  assert.notMatch(name, /^[-\s]|[.\s]$/)
  assert.isAtMost(Buffer.byteLength(name), 200)
  assert.isTrue(name.isWellFormed())
  // What is sane stays as it is.
  assert.strictEqual(FileName.sanitize(name), name)
  const onDisk = FileName.onDisk(name)
  assert.match(onDisk, /^[\p{L}\p{M}\p{N}._+@=][\p{L}\p{M}\p{N}._+@=-]*$/u)
  assert.isAtMost(Buffer.byteLength(onDisk), 200)
  assert.notInclude(["", ".", ".."], onDisk)
}

describe("the name of an attachment", () => {
  it.prop(
    "F37 F39 is safe to show, store and pass on, for any given name",
    [Nasty],
    ([parts]) => {
      const name = FileName.sanitize(parts.join(""))
      if (name !== undefined) isSafe(name)
    },
    { arbitrary: { runs: 2000 } }
  )

  it.prop(
    "F37 is safe for any text",
    [Schema.String],
    ([text]) => {
      const name = FileName.sanitize(text)
      if (name !== undefined) isSafe(name)
    },
    { arbitrary: { runs: 1000 } }
  )

  it("F37 is predictable for common hostile names", () => {
    const cases: ReadonlyArray<readonly [given: string, name: string | undefined]> = [
      ["report.pdf", "report.pdf"],
      ["../x", "x"],
      ["../../etc/passwd", "passwd"],
      ["..\\..\\boot.ini", "boot.ini"],
      ["a/b/", "b"],
      ["-rf", "_rf"],
      ["--", "__"],
      [".env", ".env"],
      ["invoice\u202egpj.exe", "invoicegpj.exe"],
      // Nothing that is taken out may hide a separator or make a `..`.
      [".\u200b./x", "x"],
      [".\u200b.", undefined],
      ["a\nb.txt", "a b.txt"],
      ["x. . .", "x"],
      ["", undefined],
      ["   ", undefined],
      ["..", undefined],
      ["/", undefined],
      ["\u202e", undefined]
    ]
    for (const [given, name] of cases)
      assert.strictEqual(FileName.sanitize(given), name, JSON.stringify(given))
  })

  it("F37 of 300 bytes is cut between characters and keeps its extension", () => {
    const long = FileName.sanitize(`${"日".repeat(100)}.png`) ?? ""
    assert.match(long, /^日+\.png$/u)
    assert.strictEqual(Buffer.byteLength(long), 199)
    assert.strictEqual(Buffer.byteLength(FileName.sanitize("x".repeat(300)) ?? ""), 200)
    assert.strictEqual(FileName.sanitize(`x.${"y".repeat(300)}`)?.length, 200)
  })

  it("F39 is a single shell word on disk", () => {
    for (const given of [
      "; touch owned",
      "$(touch owned)",
      "`id`",
      "a b & c",
      "~root",
      "*?[x]",
      "'\"",
      "a|b>c"
    ]) {
      const onDisk = FileName.onDisk(FileName.sanitize(given) ?? "none")
      const said = execFileSync("/bin/sh", ["-c", `printf '%s|' ${onDisk}`], { encoding: "utf8" })
      assert.strictEqual(said, `${onDisk}|`)
    }
  })
})

describe("the type of an attachment", () => {
  const png = Buffer.from("\u0089PNG\r\n\u001a\n....", "latin1")
  it("is an image type only by content, never by name", () => {
    assert.strictEqual(MediaType.detect(png, "notes.txt"), "image/png")
    assert.strictEqual(MediaType.detect(Buffer.from("\u00ff\u00d8\u00ff\u00e0", "latin1"), "x"), "image/jpeg")
    assert.strictEqual(MediaType.detect(Buffer.from("GIF89a"), "x"), "image/gif")
    assert.strictEqual(MediaType.detect(Buffer.from("RIFF....WEBPVP8 "), "x"), "image/webp")
    assert.strictEqual(MediaType.detect(Buffer.from("RIFF....WAVEfmt "), "cat.webp"), "text/plain")
    assert.strictEqual(MediaType.detect(Buffer.from("#!/bin/sh\nrm -rf ~"), "cat.png"), "text/plain")
    assert.strictEqual(MediaType.detect(Buffer.from([0, 1, 2]), "cat.png"), "application/octet-stream")
    assert.strictEqual(MediaType.detect(Buffer.from("<svg/>"), "cat.svg"), "text/xml")
    for (const cut of [0, 1, 4, 7]) assert.notMatch(MediaType.detect(png.subarray(0, cut), "x.png"), /^image/)
  })
  it("comes from the name, or otherwise from whether the content is text", () => {
    assert.strictEqual(MediaType.detect(Buffer.from("{}"), "a.JSON"), "application/json")
    assert.strictEqual(MediaType.detect(Buffer.from("all:\n\ttrue\n"), "Makefile"), "text/plain")
    assert.strictEqual(MediaType.detect(Buffer.from("é").subarray(0, 1), "half"), "text/plain")
    assert.strictEqual(MediaType.detect(Buffer.from([0xff, 0xfe, 1]), "bytes"), "application/octet-stream")
  })
  it("is allowed by exact type, by family, or always", () => {
    assert.isTrue(MediaType.isAllowed("image/png", ["text/plain", "image/*"]))
    assert.isTrue(MediaType.isAllowed("a/b", ["*/*"]))
    assert.isFalse(MediaType.isAllowed("imageother/png", ["image/*"]))
    assert.isFalse(MediaType.isAllowed("image/png", []))
  })
})
