/** The store in a SQLite file. */
import { describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { layerRunner } from "../../../src/durable/store/SqliteStore.ts"
import { storeSuite } from "./storeSuite.ts"

describe("the store", () => {
  storeSuite((effect) => Effect.provide(effect, layerRunner({ path: ":memory:" })))
})
