/** Commands without a model: in Codex's sandbox, with their outputs as streams, an input and a terminal. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer, Stream } from "effect"
import { AppServer, Codex } from "effect-codex"

const program = Effect.gen(function* () {
  const codex = yield* Codex

  // The default sandbox is read-only. An exit code other than 0 is a result.
  const touch = yield* codex.exec(["touch", "made-by-exec"], { timeout: "1 minute" })
  const { exitCode, stderr } = yield* touch.result
  yield* Console.log(`touch exits with ${exitCode}: ${stderr.trim()}`)

  // The lines arrive while the command runs.
  const count = yield* codex.exec(["sh", "-c", "for n in 1 2 3; do echo line $n; sleep 0.1; done"])
  yield* count.stdout.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.runForEach((line) => Console.log(`> ${line}`))
  )

  // A stream as the input.
  const sorted = yield* codex.exec(["sort"], { stdin: Stream.encodeText(Stream.make("pear\n", "apple\n")) })
  yield* Console.log((yield* sorted.result).stdout.replaceAll("\n", " "))

  // A terminal: the program asks, and its window changes.
  const terminal = yield* codex.exec(["bash", "-c", "read -p 'name? ' name; echo hello $name; stty size"], {
    tty: { rows: 24, columns: 80 }
  })
  const question = yield* terminal.stdout.pipe(
    Stream.decodeText(),
    Stream.takeUntil((text) => text.includes("? ")),
    Stream.mkString
  )
  yield* terminal.resize({ rows: 50, columns: 120 })
  yield* Stream.run(Stream.encodeText(Stream.make("Ada\n")), terminal.stdin)
  yield* Console.log(question + (yield* terminal.result).stdout.replaceAll("\r", ""))

  // Leaving the scope ends the command: there is no `sleep` left.
  yield* Effect.scoped(codex.exec(["sleep", "1000"]))
}).pipe(Effect.scoped)

program.pipe(Effect.provide(Codex.layer.pipe(Layer.provide(AppServer.layer))), NodeRuntime.runMain)
