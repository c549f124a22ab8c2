import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as OutputBuffer from "../../src/internal/OutputBuffer.ts"

const bytes = (text: string) => new TextEncoder().encode(text)
const text = <E>(stream: Stream.Stream<Uint8Array, E>) => Stream.mkString(Stream.decodeText(stream))

describe("a buffer of output", () => {
  it.effect(
    "keeps the start and the end of what waits, and counts what it drops, in chunks of any size",
    () =>
      Effect.gen(function* () {
        const whole = Array.from({ length: 5000 }, (_, index) => `${index} `).join("")
        for (const size of [1, 3, 100, 999, 1000, 1001, 5000, whole.length]) {
          const buffer = OutputBuffer.make<never>(1000)
          for (let at = 0; at < whole.length; at += size) buffer.offer(bytes(whole.slice(at, at + size)))
          buffer.end(Exit.void)
          const dropped = whole.length - 1000
          assert.strictEqual(
            yield* text(buffer.stream),
            `${whole.slice(0, 500)}\n[effect-codex omitted ${dropped} bytes]\n${whole.slice(-500)}`,
            String(size)
          )
          assert.strictEqual(buffer.omittedBytes(), dropped)
        }
      })
  )

  it.effect("loses nothing for a reader that keeps up, also if it reads in parts", () =>
    Effect.gen(function* () {
      const buffer = OutputBuffer.make<string>(10)
      let seen = ""
      for (let index = 0; index < 5000; index++) {
        buffer.offer(bytes(`${index},`))
        seen += yield* text(Stream.take(buffer.stream, 1))
      }
      assert.strictEqual(seen, Array.from({ length: 5000 }, (_, index) => `${index},`).join(""))
      assert.strictEqual(buffer.omittedBytes(), 0)
      buffer.offer(bytes("last"))
      buffer.end(Exit.fail("broken"))
      assert.strictEqual(yield* text(Stream.take(buffer.stream, 1)), "last")
      assert.strictEqual(yield* Effect.flip(text(buffer.stream)), "broken")
    })
  )

  it.effect("wakes a reader that waits", () =>
    Effect.gen(function* () {
      const buffer = OutputBuffer.make<never>(10)
      const reading = yield* Effect.forkChild(text(buffer.stream), { startImmediately: true })
      buffer.offer(bytes("a"))
      yield* Effect.yieldNow
      buffer.offer(bytes("b"))
      buffer.end(Exit.void)
      assert.strictEqual(yield* Fiber.join(reading), "ab")
    })
  )
})
