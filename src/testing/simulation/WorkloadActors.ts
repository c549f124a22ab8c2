/** The tools, the policy and the approvers of the default program: they fail in every way they can. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Approval from "../../Approval.ts"
import * as ToolSettings from "../../tool/ToolSettings.ts"
import type { RunHistory } from "./History.ts"
import * as SeededRandom from "./SeededRandom.ts"

const parameters = Schema.Struct({ call: Schema.String })
/** How long a tool may continue after its interruption. */
export const toolGrace = 2_000
const toolDeadline = 20_000

const work = Tool.make("work", {
  parameters,
  success: Schema.String,
  failure: Schema.String,
  failureMode: "error"
})
  .annotate(ToolSettings.Deadline, toolDeadline)
  .annotate(ToolSettings.Grace, toolGrace)
const critical = Tool.make("critical", {
  parameters,
  success: Schema.String,
  failure: Schema.String,
  failureMode: "error"
})
  .annotate(ToolSettings.OnFailure, "turn")
  .annotate(ToolSettings.Deadline, toolDeadline)
  .annotate(ToolSettings.Grace, toolGrace)
const guarded = Tool.make("guarded", { parameters, success: Schema.String, needsApproval: true })

export const Tools = Toolkit.make(work, critical, guarded)

/** Returns arguments for these tools; sometimes the arguments are invalid. */
export const args = (_tool: string, call: string, random: SeededRandom.Random): unknown =>
  random.chance(5) ? { call: 7 } : { call }

export const toolHandler = (
  seed: number,
  history: RunHistory,
  call: string
): Effect.Effect<string, string> => {
  const random = SeededRandom.make(seed, `tool ${call}`)
  const behave = Effect.suspend(() => {
    switch (random.below(9)) {
      case 0:
        return Effect.fail("the tool fails")
      case 1:
        return Effect.die(new Error("a bug of the tool"))
      case 2:
        return Effect.never
      case 3:
        return Effect.uninterruptible(Effect.as(Effect.sleep("30 seconds"), "uninterruptible"))
      case 4:
        return Effect.interrupt
      case 5:
        return Effect.gen(function* () {
          const child = yield* Effect.forkChild(Effect.never)
          yield* Effect.sleep(random.below(100))
          yield* Fiber.interrupt(child)
          return "child done"
        })
      default:
        return Effect.as(Effect.sleep(random.below(200)), "done")
    }
  })
  return Effect.acquireUseRelease(
    Effect.sync(() => history.runningHandlers.add(call)),
    () => behave,
    () => Effect.sync(() => history.runningHandlers.delete(call))
  )
}

/** A policy that fails in every way a policy can. Some requests go to a queue with several approvers. */
export const policy =
  (seed: number): Approval.Policy<Approval.ApprovalQueue> =>
  (request) => {
    const random = SeededRandom.make(seed, `policy ${request.id}`)
    switch (random.below(10)) {
      case 0:
        return Effect.fail("the policy fails")
      case 1:
        return Effect.die(new Error("a bug of the policy"))
      case 2:
        return Approval.timeout(() => Effect.never, "30 seconds")(request)
      case 3:
        return Effect.succeed(Approval.decline("no"))
      case 4:
        return Effect.succeed(random.chance(20) ? Approval.cancel : Approval.abstain)
      case 5:
        return Effect.as(Effect.sleep(random.below(5_000)), Approval.accept)
      case 6:
        return Effect.succeed(Approval.accept)
      default:
        return Approval.timeout(Approval.queue, "20 seconds")(request)
    }
  }

/** An approver who answers pending requests, sometimes too late, without knowledge of the other approvers. */
export const approver = (seed: number, history: RunHistory, name: string, answered: Map<string, string>) =>
  Effect.gen(function* () {
    const queue = yield* Approval.ApprovalQueue
    const handled = new Set<string>()
    const answer = ({ hash, id, request }: Approval.Pending) => {
      handled.add(id)
      const random = SeededRandom.make(seed, `${name} ${request.id}`)
      const decision = random.chance(60) ? Approval.accept : Approval.decline(name)
      return queue.answer(id, decision, { hash }).pipe(
        Effect.delay(random.oneOf([5, 5, 5, 900, 19_999, 20_000, 20_001, 60_000])),
        Effect.result,
        Effect.map((result) => {
          if (Result.isFailure(result)) return
          const other = answered.get(id)
          answered.set(id, name)
          if (other !== undefined)
            history.addViolation(3, undefined, `${other} and ${name} both answered ${request.id}`)
        }),
        Effect.forkScoped
      )
    }
    yield* Effect.forkScoped(
      Stream.runForEach(queue.changes, (pending) =>
        Effect.forEach(
          pending.filter(({ id }) => !handled.has(id)),
          answer,
          { discard: true }
        )
      )
    )
  })
