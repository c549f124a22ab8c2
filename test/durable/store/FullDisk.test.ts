/** A SQLite store on a file system that is full or read-only. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import { join } from "node:path"
import type { KeyReused, StorageUnavailable } from "../../../src/domain/StorageErrors.ts"
import { layerRunner } from "../../../src/durable/store/SqliteStore.ts"
import { Store } from "../../../src/durable/store/Store.ts"

const mount = (...args: ReadonlyArray<string>): boolean =>
  process.platform === "linux" && process.geteuid?.() === 0 && spawnSync("mount", args).status === 0

/** A file system of one megabyte. Only root can mount one. */
const smallDisk = Effect.acquireRelease(
  Effect.sync(() => {
    const path = Fs.mkdtempSync("/var/tmp/effect-codex-disk-")
    return { path, mounted: mount("-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", path) }
  }),
  ({ mounted, path }) =>
    Effect.sync(() => {
      if (mounted) spawnSync("umount", [path])
      Fs.rmSync(path, { recursive: true, force: true })
    })
)

const submission = (key: string, size: number) => ({
  key,
  threadOptions: {},
  input: "x".repeat(size),
  options: {}
})

const withStore = <A, E>(path: string, use: (store: Store["Service"]) => Effect.Effect<A, E>) =>
  Effect.flatMap(Layer.build(layerRunner({ path })), (context) =>
    Effect.provideContext(Store.use(use), context)
  ).pipe(Effect.scoped)

describe("a SQLite store", () => {
  it.live(
    "F32 writes nothing half on a disk that is full or read-only, and works again when it is not",
    ({ skip }) =>
      Effect.gen(function* () {
        const { mounted, path } = yield* smallDisk
        if (!mounted) return yield* Effect.sync(() => skip("only root can mount a small file system"))
        const file = join(path, "turns.db")
        const written = yield* withStore(
          file,
          Effect.fnUntraced(function* (store) {
            const fill = (index: number): Effect.Effect<never, KeyReused | StorageUnavailable> =>
              Effect.flatMap(store.submit(submission(`k${index}`, 20_000)), () => fill(index + 1))
            const full = yield* Effect.flip(fill(0))
            assert.deepInclude(full, { _tag: "StorageUnavailable", reason: "Full" })
            const turns = yield* store.turns({})
            assert.isAbove(turns.length, 1)
            // The thread of a turn that was refused is not there either.
            for (const { threadId } of turns) assert.isDefined(yield* store.thread(threadId))
            return turns.map(({ key }) => key)
          })
        )
        assert.isTrue(mount("-o", "remount,ro", path))
        const readOnly = yield* Effect.flip(withStore(file, ({ turns }) => turns({})))
        assert.deepInclude(readOnly, { _tag: "StorageUnavailable", reason: "ReadOnly" })
        assert.isTrue(mount("-o", "remount,rw,size=4m", path))
        const after = yield* withStore(file, (store) =>
          Effect.andThen(store.submit(submission("last", 20_000)), store.turns({}))
        )
        assert.sameMembers(
          after.map(({ key }) => key),
          [...written, "last"]
        )
      }).pipe(Effect.scoped)
  )
})
