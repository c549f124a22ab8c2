/** Flags that several commands share. Loads nothing but the parser, so that help appears at once. */
import * as Option from "effect/Option"
import * as Flag from "effect/cli/Flag"
import * as DurationText from "../internal/DurationText.ts"

export const config = Flag.String("config").pipe(
  Flag.withAlias("c"),
  Flag.withMetavar("key=value"),
  Flag.withDescription("Override a setting of Codex's configuration; can be repeated"),
  Flag.atLeast(0)
)

/** An optional flag with a text value. */
export const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.optional)

/** A flag that is off by default. */
export const boolean = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withDefault(false))

export const json = (description: string) => boolean("json", description)

export const sandbox = (description: string) =>
  Flag.Literals("sandbox", ["read-only", "workspace-write", "danger-full-access"]).pipe(
    Flag.withDescription(description),
    Flag.optional
  )

/** An optional flag with a duration in milliseconds. */
export const duration = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("DURATION"),
    Flag.withDescription(description),
    Flag.filterMap(
      parseDuration,
      (text) => `Expected a duration such as 500ms, 20s, 5m or 1h30m, not "${text}"`
    ),
    Flag.optional
  )

export const timeout = (description: string) => duration("timeout", description)

/** The flag that names the database of durable turns. */
export const database = Flag.String("db").pipe(
  Flag.withMetavar("sqlite:PATH|postgres://…"),
  Flag.withDescription("The database of durable turns")
)

/** Parses `500ms`, `20s`, `5m` or `1h30m` to milliseconds. Returns `None` for any other text and for zero. */
export const parseDuration = (text: string): Option.Option<number> => {
  const millis = DurationText.parseMillis(text, ["ms", "s", "m", "h"]) ?? 0
  return millis > 0 && Number.isFinite(millis) ? Option.some(millis) : Option.none()
}

/** Parses `12h`, `30d` or `8w` to milliseconds. Returns `None` for any other text. */
export const parseAge = (text: string): Option.Option<number> => {
  const days = /^(\d{1,6})([dw])$/.exec(text)
  if (days !== null) return Option.some(Number(days[1]) * (days[2] === "w" ? 7 : 1) * 86_400_000)
  return parseDuration(text)
}
