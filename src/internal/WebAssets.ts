/** The scripts and the styles of pages: files of the package, made from `src/web` when the package is built. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Schema from "effect/Schema"

export interface WebAssets {
  readonly script: string
  readonly style: string
}

/** The package does not contain the page, so it was not built completely. */
export class PageAssetsMissing extends Data.TaggedError("PageAssetsMissing")<{ readonly directory: string }> {
  override get message(): string {
    return `there is no page in "${this.directory}"; install effect-codex again, or run npm run build`
  }
}

const Assets = Schema.Struct({ script: Schema.String, style: Schema.String })
const decode = Schema.decodeUnknownEffect(Assets)

/** Finds the script that bundles the page, when the program runs from the source of this project. */
const findBuilder = Effect.fnUntraced(function* (from: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  for (let directory = from; directory !== path.dirname(directory); directory = path.dirname(directory)) {
    const builder = path.join(directory, "scripts", "webAssets.ts")
    if ((yield* fs.exists(builder)) && (yield* fs.exists(path.join(directory, "src", "web")))) return builder
  }
  return undefined
})

/** Reads the script and the style of a page. A program that runs from source bundles them now. */
export const load = Effect.fnUntraced(function* (name: "tracePage" | "servePage") {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const here = yield* path.fromFileUrl(new URL(".", import.meta.url))
  const directory = path.join(here, "..", "assets")
  if (yield* fs.exists(path.join(directory, `${name}.js`))) {
    const script = yield* fs.readFileString(path.join(directory, `${name}.js`))
    const style = yield* fs.readFileString(path.join(directory, `${name}.css`))
    return { script, style }
  }
  const builder = yield* findBuilder(here)
  if (builder === undefined) return yield* new PageAssetsMissing({ directory })
  const url = yield* path.toFileUrl(builder)
  const module: unknown = yield* Effect.promise(() => import(url.href))
  const { bundle } = yield* Effect.orDie(decodeBuilder(module))
  return yield* Effect.orDie(
    Effect.flatMap(
      Effect.promise(() => bundle(name)),
      decode
    )
  )
})

const decodeBuilder = Schema.decodeUnknownEffect(
  Schema.Struct({
    bundle: Schema.declare(
      (value): value is (name: string) => Promise<unknown> => typeof value === "function"
    )
  })
)
