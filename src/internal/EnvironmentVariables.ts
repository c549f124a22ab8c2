import * as Context from "effect/Context"

/**
 * Environment variables by name.
 * @since 0.1.0
 * @category references
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { OtlpLayer, Settings } from "effect-codex"
 *
 * const ToCollector = OtlpLayer.pipe(
 *   Layer.provide(
 *     Layer.succeed(Settings.Environment, {
 *       CODEX_OTLP_ENABLE: "1",
 *       OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318"
 *     })
 *   )
 * )
 * ```
 */
export type Environment = Readonly<Record<string, string | undefined>>

/** The environment that telemetry reads. Default: the environment of this process. */
export const Environment = Context.Reference<Environment>("effect-codex/telemetry/Settings/Environment", {
  defaultValue: () => process.env
})

/** One environment variable that has a value. */
export interface Variable {
  readonly name: string
  readonly value: string
}

/** The maximum delay of a Node timer, in milliseconds. A timer with a longer delay fires at once. */
const maxTimerDelay = 2 ** 31 - 1

/** Reads variables and collects warnings about invalid values. Of several names, the first valid one wins. Warnings show no value. */
export class Variables {
  private readonly collected = new Set<string>()
  private readonly environment: Readonly<Record<string, string | undefined>>

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.environment = environment
  }

  /** The warnings, each once even if several signals read the same variable. */
  get warnings(): ReadonlyArray<string> {
    return [...this.collected]
  }

  warn(variable: Variable, problem: string): void {
    this.collected.add(`${variable.name} ${problem}`)
  }

  /** Returns the variables that are set, in the order of `names`. A blank variable counts as not set. */
  all(...names: ReadonlyArray<string>): ReadonlyArray<Variable> {
    return names.flatMap((name) => {
      const value = this.environment[name]?.trim() ?? ""
      return value === "" ? [] : [{ name, value }]
    })
  }

  first(...names: ReadonlyArray<string>): Variable | undefined {
    return this.all(...names)[0]
  }

  wholeNumber(minimum: number, ...names: ReadonlyArray<string>): number | undefined {
    for (const variable of this.all(...names)) {
      const number = /^\d+$/.test(variable.value) ? Number(variable.value) : NaN
      if (Number.isSafeInteger(number) && number >= minimum) return number
      this.warn(variable, `is not a whole number from ${minimum} up and is ignored`)
    }
    return undefined
  }

  milliseconds(...names: ReadonlyArray<string>): number | undefined {
    const number = this.wholeNumber(1, ...names)
    return number === undefined ? undefined : Math.min(number, maxTimerDelay)
  }

  /** Returns a number from 0 to 1. */
  share(...names: ReadonlyArray<string>): number | undefined {
    for (const variable of this.all(...names)) {
      const number = /^(?:\d+(?:\.\d*)?|\.\d+)$/.test(variable.value) ? Number(variable.value) : NaN
      if (number >= 0 && number <= 1) return number
      this.warn(variable, "is not a number from 0 to 1 and is ignored")
    }
    return undefined
  }

  /** Returns one of `words`, in lower case. Ignores any other value with a warning. */
  word<Word extends string>(words: ReadonlyArray<Word>, ...names: ReadonlyArray<string>): Word | undefined {
    for (const variable of this.all(...names)) {
      const value = variable.value.toLowerCase()
      const found = words.find((word) => word === value)
      if (found !== undefined) return found
      this.warn(variable, `is not one of ${words.join(", ")} and is ignored`)
    }
    return undefined
  }
}

/** Parses a switch: `1`, `true`, `yes`, `on`, `0`, `false`, `no` or `off`. */
export const toBoolean = (value: string): boolean | undefined =>
  /^(?:1|true|yes|on)$/i.test(value) ? true : /^(?:0|false|no|off)$/i.test(value) ? false : undefined

/** Splits a comma-separated list into trimmed words in lower case. Omits empty words. */
export const toWords = (list: string): ReadonlyArray<string> =>
  list.split(",").flatMap((part) => {
    const word = part.trim().toLowerCase()
    return word === "" ? [] : [word]
  })

/** Splits a list into trimmed `name=value` pairs. An item without a name or `=` becomes `undefined`. */
export const toPairs = (
  list: string,
  separator: RegExp
): ReadonlyArray<readonly [string, string] | undefined> =>
  list.split(separator).flatMap((item) => {
    const pair = item.trim()
    if (pair === "") return []
    const at = pair.indexOf("=")
    return [at < 1 ? undefined : ([pair.slice(0, at).trim(), pair.slice(at + 1).trim()] as const)]
  })

/** Percent-decodes a text. Returns `undefined` if the encoding is invalid. */
export const toDecoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
