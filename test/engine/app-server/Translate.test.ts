/** Decoding never fails for arbitrary JSON. */
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { ItemId } from "../../../src/domain/Ids.ts"
import * as ErrorMapping from "../../../src/engine/app-server/ErrorMapping.ts"
import * as LineSplitter from "../../../src/engine/app-server/LineSplitter.ts"
import * as ServerRequests from "../../../src/engine/app-server/ServerRequests.ts"
import * as Translate from "../../../src/engine/app-server/Translate.ts"
import * as ShellCommand from "../../../src/internal/ShellCommand.ts"
import { isSoak } from "../../support/soak.ts"

const Leaf = Schema.Union([
  Schema.String,
  Schema.Finite,
  Schema.Boolean,
  Schema.Null,
  Schema.Literals(["thread", "turn", "m1", "commandExecution", "agentMessage", "completed", "__proto__"])
])
const names = Schema.Literals([
  "threadId",
  "turnId",
  "itemId",
  "id",
  "type",
  "turn",
  "item",
  "status",
  "error",
  "message",
  "changes",

  "codexErrorInfo",
  "httpStatusCode",
  "additionalDetails",
  "questions",
  "permissions",
  "tokenUsage",
  "last",
  "command",
  "commandActions",
  "kind",
  "path",
  "network",
  "fileSystem",
  "options",
  "delta",
  "thread"
])
const Inner = Schema.Union([Leaf, Schema.Array(Leaf), Schema.Record(names, Leaf)])
const Middle = Schema.Union([Inner, Schema.Array(Inner), Schema.Record(names, Inner)])
const Json = Schema.Union([Middle, Schema.Record(names, Middle)])

const Notification = Schema.Literals([
  "turn/started",
  "turn/completed",
  "turn/diff/updated",
  "item/started",
  "item/completed",
  "error",
  "item/agentMessage/delta",
  "rawResponseItem/completed",
  "rawResponse/completed",
  "thread/started",
  "thread/tokenUsage/updated",
  "thread/status/changed",
  "serverRequest/resolved",
  "toString",
  "x/y"
])
const Request = Schema.Literals([
  "item/commandExecution/requestApproval",
  "item/fileChange/requestApproval",
  "item/tool/call",
  "item/permissions/requestApproval",
  "item/tool/requestUserInput",
  "mcpServer/elicitation/request",
  "constructor",
  "execCommandApproval"
])

const runs = { arbitrary: { runs: isSoak ? 250 : 100, seed: 1 } }

describe("arbitrary JSON", () => {
  it.prop(
    "F24 is translated to a notification or ignored",
    [Notification, Json],
    ([method, params]) => {
      assert.isString(Translate.notification(method, params, 7)._tag)
    },
    runs
  )

  it.prop(
    "F24 is decoded as a known or unknown request, whose declining reply never accepts",
    [Request, Json],
    ([method, params]) => {
      const asked = ServerRequests.read(method, params)
      assert.isTrue(["Approve", "Call", "Unknown"].includes(asked._tag))
      if (asked._tag === "Unknown")
        assert.notMatch(JSON.stringify(asked.declineReply ?? null), /"(?:accept|acceptForSession|approved)"/)
    },
    runs
  )

  it.prop(
    "F24 is translated to an item of a known kind or to Unknown",
    [Schema.String, Json],
    ([type, json]) => {
      const more = typeof json === "object" && json !== null ? json : {}
      assert.isString(Translate.item({ ...more, id: ItemId.make("x"), type })._tag)
    },
    runs
  )

  it.prop(
    "is classified as a failure with a reason",
    [Schema.String, Json],
    ([message, codexErrorInfo]) => {
      const failed = ErrorMapping.classify({ message, codexErrorInfo })
      assert.strictEqual(failed._tag, "TurnFailed")
      assert.isBoolean(ErrorMapping.endsTurn({ message, codexErrorInfo }))
      assert.isTrue(failed.retryAfterMillis === undefined || failed.retryAfterMillis >= 0)
    },
    runs
  )
})

describe("arbitrary bytes", () => {
  it.prop(
    "F22 are split into the same lines in any chunks, including invalid UTF-8",
    [
      Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))),
      Schema.Array(Schema.Natural)
    ],
    ([bytes, cuts]) => {
      // About every eighth byte ends a line.
      const whole = Buffer.from(bytes.map((byte) => (byte % 8 === 0 ? 0x0a : byte % 8 === 1 ? 0x0d : byte)))
      const limit = 12
      const one = LineSplitter.make(limit)
      const expected = one.push(whole)
      const other = LineSplitter.make(limit)
      const places = [
        0,
        ...cuts.map((cut) => cut % (whole.length + 1)).toSorted((a, b) => a - b),
        whole.length
      ]
      const got = places.flatMap((place, index) =>
        other.push(whole.subarray(place, places[index + 1] ?? place))
      )
      assert.deepStrictEqual(got, expected)
      assert.strictEqual(other.skipped(), one.skipped())
    },
    runs
  )
})

describe("F39 a command line", () => {
  it.prop(
    "F39 that counts as one simple command has no shell syntax",
    [Schema.String],
    ([text]) => {
      for (const line of [text, `ls ${text}`, `"${text}"`, `ls '${text}' x`, `${text}=1 ls`]) {
        const argv = ShellCommand.argv(line)
        if (argv === undefined) continue
        assert.isAbove(argv.length, 0)
        assert.notMatch(line, /[;|&$`<>(){}*?\n\r\0]/)
      }
    },
    runs
  )

  it.prop(
    "F39 is parsed back to the quoted words",
    [Schema.Array(Schema.String).check(Schema.isMinLength(1))],
    ([words]) => {
      const quoted = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ")
      assert.deepStrictEqual(ShellCommand.words(quoted), words)
      const argv = ShellCommand.argv(quoted)
      if (argv !== undefined && !/^\w+\+?=/.test(words[0] ?? "")) assert.deepStrictEqual(argv, words)
    },
    runs
  )
})
