/** `effect-codex attach`: shows the running turn of a thread to its end. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Approval from "../../Approval.ts"
import { Codex } from "../../Codex.ts"
import * as CodexError from "../../domain/CodexError.ts"
import { ThreadId } from "../../domain/Ids.ts"
import * as AppServer from "../../engine/AppServer.ts"
import * as HostClient from "../../host/HostClient.ts"
import * as EngineHost from "../../host/EngineHost.ts"
import { OtlpLayer } from "../../telemetry/Otlp.ts"
import type * as Thread from "../../Thread.ts"
import { ExitWith, UsageError } from "../CommandEnd.ts"
import type { AttachInput } from "../commands/attachCommand.ts"
import * as Inputs from "../Inputs.ts"
import * as TurnSession from "../TurnSession.ts"

const noTurnRunning = new CodexError.InvalidRequest({
  reason: "NoTurnRunning",
  method: "thread/attach",
  detail: "no turn is running"
})

const lastThread = Effect.gen(function* () {
  const { listThreads } = yield* Codex
  const newest = yield* Stream.runHead(listThreads({ sort: "updated" }))
  return Option.isNone(newest) ? yield* noTurnRunning : newest.value.id
})

/** Whether a Codex can run a turn. A host that does not run is not started for a question about its turns. */
const canRunTurn = ({ host }: AttachInput) =>
  Option.isNone(host) ? Effect.succeed(true) : HostClient.hasCodex(host.value)

const engineOf = ({ host, socket }: AttachInput) => {
  if (Option.isSome(host) && Option.isNone(socket))
    return Effect.succeed(EngineHost.layer({ dir: host.value }))
  return Option.isSome(socket) && Option.isNone(host)
    ? Effect.succeed(AppServer.layerSocket({ path: socket.value }))
    : new UsageError({ text: "give either --host DIR or --socket PATH" })
}

export const handle = Effect.fnUntraced(function* (input: AttachInput) {
  const { approve, interrupt, json, thread, trust } = input
  const engine = yield* engineOf(input)
  const id = Option.getOrElse(thread, () => "last")
  yield* Inputs.validateThread("THREAD", id)
  // Without a terminal and without rules, requests are left to the program that has started the turn.
  const answers = Option.isSome(approve) || process.stdin.isTTY
  const policy = yield* Inputs.policy(approve, {
    cwd: undefined,
    additionalDirectories: [],
    sandbox: undefined,
    overrides: [],
    trust
  })
  let attached: Thread.AttachedTurn | undefined
  const open = Effect.gen(function* () {
    const codex = yield* Codex
    attached = yield* codex.attach(id === "last" ? yield* lastThread : ThreadId.make(id))
    return attached.thread
  })
  const codex = Codex.layer.pipe(Layer.provide(engine))
  const where = Option.match(input.host, {
    onNone: () => `--socket ${Option.getOrElse(input.socket, () => "")}`,
    onSome: (dir) => `--host ${dir}`
  })
  const options: TurnSession.TurnSessionOptions = {
    work: {
      _tag: "Observe",
      where,
      snapshot: Effect.suspend(() => attached?.snapshot ?? Effect.undefined),
      events: Stream.suspend(() => {
        if (attached === undefined) return Stream.fail(noTurnRunning)
        const { events, interrupt: interruptTurn } = attached
        return interrupt ? Stream.unwrap(Effect.as(Effect.forkScoped(interruptTurn), events)) : events
      })
    },
    turn: {},
    json
  }
  const exit = yield* Effect.matchEffect(canRunTurn(input), {
    onFailure: (error) => TurnSession.run(Effect.fail(error), options, Layer.empty, OtlpLayer),
    onSuccess: (canRun) =>
      canRun
        ? TurnSession.run(
            open,
            options,
            answers ? Layer.provideMerge(codex, Approval.layer(policy)) : codex,
            OtlpLayer
          )
        : TurnSession.run(noTurnRunning, options, Layer.empty, OtlpLayer)
  })
  if (exit !== 0) return yield* new ExitWith({ code: exit })
})
