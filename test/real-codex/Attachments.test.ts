import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import { dirname, join } from "node:path"
import { deflateSync } from "node:zlib"
import { Attachments } from "../../src/attachment/Attachments.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as Real from "../support/realEngine.ts"
import { test } from "../support/live.ts"
import * as F from "../attachment/fixture.ts"

const crc = (bytes: Uint8Array): number => {
  let sum = ~0
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0)
  }
  return ~sum >>> 0
}

const chunk = (type: string, data: Uint8Array): Buffer => {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data])
  const size = Buffer.alloc(4)
  size.writeUInt32BE(data.length)
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc(body))
  return Buffer.concat([size, body, sum])
}

/** A picture of 4 by 4 red dots. */
const png = Buffer.concat([
  Buffer.from("\u0089PNG\r\n\u001a\n", "latin1"),
  chunk("IHDR", Buffer.from([0, 0, 0, 4, 0, 0, 0, 4, 8, 2, 0, 0, 0])),
  chunk(
    "IDAT",
    deflateSync(
      Buffer.concat(
        Array.from({ length: 4 }, () => Buffer.from([0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0]))
      )
    )
  ),
  chunk("IEND", Buffer.alloc(0))
])

const bmp = Buffer.concat([Buffer.from("BM\u0036\0\0\0\0\0\0\0\u0036\0\0\0", "latin1"), Buffer.alloc(40)])

describe("attachments of a turn of the real Codex", () => {
  test("reach the model: an image as an image, a text file as its name and a path that Codex can read", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      let path = ""
      const real = yield* Real.make([
        (request) => {
          const [, said = ""] = /Attached file [^:]*: ([^\s"\\]+)/.exec(JSON.stringify(request.body)) ?? []
          path = said
          return M.reply(M.shell(`cat ${said}`))
        },
        M.reply(M.text("Seen."))
      ])
      yield* Effect.gen(function* () {
        const attachments = yield* Attachments
        const picture = yield* attachments.stageBytes(png, { name: "../screen shot.txt" })
        const notes = yield* attachments.stageBytes(Buffer.from("remember the milk"), { name: "my notes.md" })
        // An image that Codex cannot show, and would leave out without a word.
        const old = yield* attachments.stageBytes(bmp, { name: "old.bmp" })
        assert.strictEqual(old.mediaType, "image/bmp")
        const thread = yield* real.start({ sandbox: "read-only" })
        yield* thread.run([
          { _tag: "Text", text: "What is this?" },
          { _tag: "Attachment", attachment: picture },
          { _tag: "Attachment", attachment: notes },
          { _tag: "Attachment", attachment: old }
        ])
        const [first, second] = yield* real.server.requests
        const body = JSON.stringify(first?.body)
        assert.match(body, /"type":"input_image"[^}]*"image_url":"data:image\/png;base64,/)
        assert.include(body, "my notes.md")
        assert.strictEqual(path, notes.path)
        assert.include(body, old.path)
        assert.strictEqual(body.split('"input_image"').length, 2)
        // It is one word, so that the model may paste it as it is.
        assert.include(second?.toolOutputs[0]?.output, "remember the milk")
      }).pipe(Effect.provide([real.layer, Attachments.layerOptions({ directory: `${base}/staged` })]))
      assert.deepStrictEqual(F.staged(base), [])
    }))

  test("F32 F33 are verified before the turn starts: a damaged or missing file never reaches Codex", () =>
    Effect.gen(function* () {
      const base = yield* F.folder
      const real = yield* Real.make([M.reply(M.text("Hello."))])
      yield* Effect.gen(function* () {
        const attachments = yield* Attachments
        const attachment = yield* attachments.stageBytes(Buffer.from("what it was"), { name: "notes.md" })
        const thread = yield* real.start({ sandbox: "read-only" })
        const input = [{ _tag: "Attachment", attachment }] as const
        Fs.writeFileSync(attachment.path, "something else")
        yield* F.refused(thread.run(input), "StorageFailed")
        yield* F.refused(Stream.runDrain(thread.stream(input)), "NotFound")
        assert.deepStrictEqual(yield* real.server.requests, [])
        assert.strictEqual((yield* thread.run("hello")).message, "Hello.")
      }).pipe(Effect.provide([real.layer, Attachments.layerOptions({ directory: `${base}/staged` })]))
    }))

  test("H05 can be read by the agent, but not written, replaced or removed", () =>
    Effect.gen(function* () {
      const attack = (path: string) =>
        [
          `cat ${path}`,
          `echo evil > ${path}`,
          `unlink ${path}`,
          `mv ${dirname(path)} ${dirname(path)}-away`,
          `ln -s / ${dirname(dirname(path))}/link`,
          `touch ${dirname(dirname(dirname(path)))}/new`
        ].join("; ")
      const real = yield* Real.make([
        (request) => {
          const [, path = ""] = /Attached file [^:]*: ([^\s"\\]+)/.exec(JSON.stringify(request.body)) ?? []
          return M.reply(M.shell(attack(path)))
        },
        M.reply(M.text("Seen."))
      ])
      yield* Effect.gen(function* () {
        const attachments = yield* Attachments
        const attachment = yield* attachments.stageBytes(Buffer.from("remember the milk"), {
          name: "notes.md"
        })
        const folder = dirname(dirname(attachment.path))
        const before = F.files(dirname(folder))
        const thread = yield* real.start()
        yield* thread.run([{ _tag: "Attachment", attachment }])
        const [, second] = yield* real.server.requests
        const output = second?.toolOutputs[0]?.output ?? ""
        assert.include(output, "remember the milk")
        assert.match(output, /Read-only file system|Permission denied/)
        assert.strictEqual(F.text(attachment.path), "remember the milk")
        assert.deepStrictEqual(F.files(dirname(folder)), before)
      }).pipe(Effect.provide([real.layer, Attachments.layer]))
    }))

  test("H05 do not start a turn whose sandbox may write the directory of staged files", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([M.reply(M.text("Hello."))])
      const directory = join(real.workspace, "staged")
      yield* Effect.gen(function* () {
        const attachments = yield* Attachments
        const attachment = yield* attachments.stageBytes(Buffer.from("x"), { name: "notes.md" })
        const input = [{ _tag: "Attachment", attachment }] as const
        const thread = yield* real.start()
        const error = yield* F.refused(thread.run(input), "AgentWritable")
        assert.include(error._tag === "AttachmentRejected" ? error.detail : "", attachment.path)
        yield* F.refused(thread.steer(input), "AgentWritable")
        const reader = yield* real.start({ sandbox: "read-only" })
        yield* F.refused(reader.run(input, { sandbox: "workspace-write" }), "AgentWritable")
        assert.deepStrictEqual(yield* real.server.requests, [])
        assert.strictEqual((yield* reader.run(input)).message, "Hello.")
      }).pipe(Effect.provide([real.layer, Attachments.layerOptions({ directory })]))
    }))
})
