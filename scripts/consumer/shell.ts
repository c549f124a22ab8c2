import { Console, Effect, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"

/** Runs a command in a directory and returns what it prints. Prints that and fails if the command fails. */
export const sh = Effect.fnUntraced(function* (
  cwd: string,
  env: Readonly<Record<string, string>>,
  command: string,
  ...args: ReadonlyArray<string>
) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const handle = yield* spawner.spawn(
    ChildProcess.make(command, args, { cwd, env, extendEnv: true, stdin: "ignore" })
  )
  const output = yield* handle.all.pipe(Stream.decodeText(), Stream.mkString)
  const code = yield* handle.exitCode
  if (code === 0) return output
  yield* Console.error(`${command} ${args.join(" ")}: exit ${code}\n${output}`)
  return yield* Effect.fail(command)
}, Effect.scoped)
