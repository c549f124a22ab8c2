import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TurnPlace from "../../../src/durable/runner/TurnPlace.ts"

/** Lets every fiber run until it waits. */
const settle = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, { discard: true })

/** Runs a turn in one of the places. */
const inPlace = <A, E, R>(
  places: TurnPlace.Places,
  turn: (place: TurnPlace.TurnPlace) => Effect.Effect<A, E, R>
) =>
  Effect.flatMap(TurnPlace.make(places), (place) => Effect.andThen(place.enter, turn(place))).pipe(
    Effect.scoped
  )

/** A turn that starts, waits for an answer, continues and ends, each when the test says so. */
const makeTurn = (places: TurnPlace.Places, name: string, log: Array<string>) =>
  Effect.gen(function* () {
    const asked = yield* Deferred.make<void>()
    const answered = yield* Deferred.make<void>()
    const ended = yield* Deferred.make<void>()
    const fiber = yield* inPlace(places, (place) =>
      Effect.gen(function* () {
        log.push(`${name} starts`)
        yield* Deferred.await(asked)
        yield* place.pause(Deferred.await(answered))
        log.push(`${name} continues`)
        yield* Deferred.await(ended)
      })
    ).pipe(Effect.forkChild)
    yield* settle
    const step = (deferred: Deferred.Deferred<void>) =>
      Effect.andThen(Deferred.succeed(deferred, undefined), settle)
    return {
      ask: step(asked),
      answer: step(answered),
      end: step(ended),
      interrupt: Effect.andThen(Fiber.interrupt(fiber), settle)
    }
  })

describe("the places of a runner", () => {
  it.effect("go to another turn while one waits, and back to a turn that is answered before a new one", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const places = TurnPlace.makePlaces(1)
      const a = yield* makeTurn(places, "a", log)
      const b = yield* makeTurn(places, "b", log)
      const c = yield* makeTurn(places, "c", log)
      assert.deepStrictEqual(log, ["a starts"])
      yield* a.ask
      assert.deepStrictEqual(log, ["a starts", "b starts"])
      yield* a.answer
      assert.deepStrictEqual(log, ["a starts", "b starts"])
      yield* b.ask
      assert.deepStrictEqual(log, ["a starts", "b starts", "a continues"])
      yield* a.end
      assert.deepStrictEqual(log.slice(3), ["c starts"])
      yield* c.ask
      yield* b.answer
      assert.deepStrictEqual(log.slice(4), ["b continues"])
    })
  )

  it.effect("are free again after turns that were interrupted while they ran, waited or queued", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const places = TurnPlace.makePlaces(1)
      const waiting = yield* makeTurn(places, "waiting", log)
      yield* waiting.ask
      const running = yield* makeTurn(places, "running", log)
      const queued = yield* makeTurn(places, "queued", log)
      const answered = yield* makeTurn(places, "answered", log)
      yield* waiting.answer
      yield* queued.interrupt
      yield* waiting.interrupt
      yield* running.interrupt
      yield* answered.ask
      const last = yield* makeTurn(places, "last", log)
      yield* last.ask
      yield* answered.answer
      yield* last.answer
      assert.deepStrictEqual(log, [
        "waiting starts",
        "running starts",
        "answered starts",
        "last starts",
        "answered continues"
      ])
      yield* answered.end
      assert.deepStrictEqual(log.at(-1), "last continues")
    })
  )

  it.effect("go once to a turn with several requests, which then all continue", () =>
    Effect.gen(function* () {
      const places = TurnPlace.makePlaces(1)
      const [first, later, second, third] = yield* Effect.all([
        Deferred.make<void>(),
        Deferred.make<void>(),
        Deferred.make<void>(),
        Deferred.make<void>()
      ])
      const log: Array<string> = []
      const says = (text: string) => Effect.sync(() => void log.push(text))
      const turn = yield* inPlace(places, ({ pause }) =>
        Effect.all(
          [
            Effect.andThen(pause(Deferred.await(first)), says("first")),
            Deferred.await(later).pipe(
              Effect.andThen(pause(Deferred.await(second))),
              Effect.andThen(says("second"))
            ),
            Effect.andThen(pause(Deferred.await(third)), says("third"))
          ],
          { concurrency: "unbounded" }
        )
      ).pipe(Effect.forkChild)
      yield* settle
      const other = yield* makeTurn(places, "other", log)
      const answer = (deferred: Deferred.Deferred<void>) =>
        Effect.andThen(Deferred.succeed(deferred, undefined), settle)
      // The turn waits for another answer, so it needs no slot.
      yield* answer(third)
      assert.deepStrictEqual(log, ["other starts", "third"])
      yield* answer(first)
      assert.deepStrictEqual(log.slice(2), [])
      yield* answer(later)
      assert.deepStrictEqual(log.slice(2), ["first"])
      yield* answer(second)
      assert.deepStrictEqual(log.slice(3), [])
      const queued = yield* makeTurn(places, "queued", log)
      yield* other.ask
      assert.deepStrictEqual(log.slice(2), ["first", "second", "queued starts"])
      yield* Fiber.join(turn)
      yield* queued.ask
      yield* other.answer
      assert.deepStrictEqual(log.slice(5), ["other continues"])
    })
  )
})
