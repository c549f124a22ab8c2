import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { layerRunner } from "../../../src/durable/store/SqliteStore.ts"
import * as Pruned from "./pruned.ts"

const layer = layerRunner({ path: ":memory:" })

describe("pruning", () => {
  it.effect("deletes turns that ended before a time with what belongs to them, and nothing that runs", () =>
    Effect.provide(Pruned.deletesEndedTurns, layer)
  )

  it.effect("deletes the rows of the workflow engine for the turns that it deletes, and no others", () =>
    Effect.provide(Pruned.deletesWorkflows, layer)
  )
})
