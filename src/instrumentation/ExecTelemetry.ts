/** Telemetry of a command that the program runs in Codex's sandbox: a span, a duration and log records. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Tracer from "effect/Tracer"
import type { Sandbox } from "../domain/TurnOptions.ts"
import * as Convention from "../semconv/Convention.ts"
import * as ErrorType from "../semconv/ErrorType.ts"
import * as ContentCapture from "./ContentCapture.ts"
import * as EmitSignal from "./EmitSignal.ts"
import * as SafeSpan from "./SafeSpan.ts"
import * as Signal from "./Signal.ts"
import * as TurnTelemetry from "./TurnTelemetry.ts"

const { attribute, errorType } = Convention

/** What telemetry knows of a command. */
export interface ExecInfo {
  readonly command: ReadonlyArray<string>
  readonly cwd: string | undefined
  readonly sandbox: Sandbox
}

/** The span of a command, and the function that ends it with the exit of the command. */
export interface ExecSpan {
  readonly span: Tracer.Span
  readonly end: (exit: Exit.Exit<number, unknown>) => Effect.Effect<void>
}

/** The failure of a command in a span. */
class ExitCodeError extends Error {
  readonly errorType = errorType.commandFailed
  override readonly name = errorType.commandFailed
}

/** Returns the name of the program without its directory. A name that is no file name becomes `unknown`. */
const executableOf = ([program = ""]: ReadonlyArray<string>): string => {
  const name = program.slice(program.lastIndexOf("/") + 1)
  return /^[\w.+-]{1,64}$/.test(name) ? name : Convention.unknownTool
}

const endOf = (exit: Exit.Exit<number, unknown>): Signal.SignalEnd => {
  if (Exit.isSuccess(exit))
    return exit.value === 0 ? Signal.ok : { _tag: "Error", errorType: errorType.commandFailed }
  const type = ErrorType.fromExit(exit)
  return type === undefined ? Signal.interrupted : { _tag: "Error", errorType: type }
}

const spanExit = (exit: Exit.Exit<number, unknown>): Exit.Exit<unknown, unknown> =>
  Exit.isSuccess(exit) && exit.value !== 0
    ? Exit.fail(new ExitCodeError("the command exited with a code other than 0"))
    : exit

/** Starts the span of a command: `codex.exec`. */
export const start = Effect.fnUntraced(function* ({
  command,
  cwd,
  sandbox
}: ExecInfo): Effect.fn.Return<ExecSpan> {
  const context = yield* Effect.context<never>()
  const { kinds, spans } = ContentCapture.captureOf(context)
  const executable = executableOf(command)
  const startedAt = yield* EmitSignal.now
  const span = yield* SafeSpan.make(Convention.span.exec, {
    kind: "client",
    attributes: {
      [attribute.originator]: Context.get(context, TurnTelemetry.Originator),
      [attribute.executableName]: executable,
      [attribute.sandbox]: sandbox,
      ...(kinds.commands && spans ? { [attribute.commandLine]: command.join(" ") } : {}),
      ...(kinds.paths && spans && cwd !== undefined ? { [attribute.workingDirectory]: cwd } : {})
    }
  })
  yield* Effect.withParentSpan(EmitSignal.emit({ _tag: "ExecStart", at: startedAt, executable }), span, {
    captureStackTrace: false
  })
  return {
    span,
    end: (exit) =>
      Effect.gen(function* () {
        const at = yield* EmitSignal.now
        const end = endOf(exit)
        if (Exit.isSuccess(exit)) span.attribute(attribute.exitCode, exit.value)
        if (end._tag === "Error") span.attribute(attribute.errorType, end.errorType)
        yield* EmitSignal.emit({
          _tag: "ExecStop",
          at,
          durationMillis: at - startedAt,
          executable,
          exitCode: Exit.isSuccess(exit) ? exit.value : undefined,
          sandbox,
          end
        })
        span.end(yield* Clock.currentTimeNanos, spanExit(exit))
      }).pipe(Effect.withParentSpan(span, { captureStackTrace: false }))
  }
})
