/**
 * Reads when a limit resets from the texts of Codex, the only form in which Codex passes it on. Pure.
 *
 * A text such as "try again at 6:34 PM" names no time zone: Codex writes its own local time. That is the zone of the
 * variable `TZ` of its environment, or of this process if Codex inherits it. Codex cuts the seconds.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/**
 * When a text arrived, in milliseconds since the epoch and 0 if that is not known, and the time zone of the process that
 * wrote it.
 */
export interface TextOrigin {
  readonly at: number
  /** An IANA name. `undefined` for the time zone of this process. */
  readonly timeZone: string | undefined
}

const durationPattern =
  /(?:try again|resets?|available) in ((?:(?:and|,)?\s*(?:\d+(?:\.\d+)?\s*(?:ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)\b|\d+(?:\.\d+)?[wdhm](?=\d))\s*)+)/i
const durationPart = /(\d+(?:\.\d+)?)\s*(ms|milli|s|m|h|d|w)/gi
const millisPerUnit = new Map([
  ["ms", 1],
  ["milli", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
  ["w", 604_800_000]
])

/** Parses "try again in 0.3s", "in 1m30s" or "in 3 hours 2 minutes" to milliseconds. */
export const waitMillis = (text: string): number | undefined => {
  const duration = durationPattern.exec(text)?.[1]
  if (duration === undefined) return undefined
  let total = 0
  for (const [, amount, unit = ""] of duration.matchAll(durationPart)) {
    total += Number(amount) * (millisPerUnit.get(unit.toLowerCase()) ?? 0)
  }
  return Number.isFinite(total) ? total : undefined
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

const start = String.raw`(?:try again|resets?|available(?: again)?)\s+(?:at|on)\s+`
const named = String.raw`(?<month>[a-z]{3,9})\.?\s+(?<day>\d{1,2})(?:st|nd|rd|th)?,?(?:\s+(?<year>\d{4}))?,?\s+(?:at\s+)?`
const iso = String.raw`(?<isoYear>\d{4})-(?<isoMonth>\d{2})-(?<isoDay>\d{2})[t\s]\s*`
const clock = String.raw`(?<hour>\d{1,2}):(?<minute>\d{2})(?::(?<second>\d{2})(?:\.\d+)?)?(?:\s*(?<half>[ap])\.?m\b\.?)?`
const zone = String.raw`(?:\s*(?<utc>z|utc|gmt)\b|\s*(?<offset>[+-]\d{2}:?\d{2})|\s*\(?(?<area>[a-z]+\/[a-z_]+(?:\/[a-z_]+)?)\)?)?`
const instantPattern = new RegExp(`${start}(?:${named}|${iso})?${clock}${zone}`, "i")

/** A time that has only just passed is today's: Codex cuts the seconds, and the text takes time to arrive. */
const lateMillis = Duration.toMillis(Duration.minutes(5))

const zoneOf = (
  { area, offset, utc }: { readonly [key: string]: string | undefined },
  timeZone: string | undefined
): DateTime.TimeZone | undefined => {
  if (utc !== undefined) return DateTime.zoneMakeOffset(0)
  if (offset !== undefined) {
    const [sign, hours, minutes] = [offset[0] === "-" ? -1 : 1, offset.slice(1, 3), offset.slice(-2)]
    return DateTime.zoneMakeOffset(sign * (Number(hours) * 60 + Number(minutes)) * 60_000)
  }
  const name = area ?? timeZone
  return name === undefined ? DateTime.zoneMakeLocal() : Option.getOrUndefined(DateTime.zoneMakeNamed(name))
}

const hourOf = (hour: number, half: string | undefined): number | undefined => {
  if (half === undefined) return hour <= 23 ? hour : undefined
  if (hour < 1 || hour > 12) return undefined
  return (hour % 12) + (half.toLowerCase() === "p" ? 12 : 0)
}

/** Parses "try again at 6:34 PM" or "at Nov 23rd, 2026 10:38 PM" to milliseconds since the epoch. */
const instant = (text: string, { at, timeZone }: TextOrigin): number | undefined => {
  const groups = instantPattern.exec(text)?.groups
  if (groups === undefined) return undefined
  const zone = zoneOf(groups, timeZone)
  const hour = hourOf(Number(groups["hour"]), groups["half"])
  const minute = Number(groups["minute"])
  if (zone === undefined || hour === undefined || minute > 59) return undefined
  const time = { hour, minute, second: Number(groups["second"] ?? 0), millisecond: 0 }
  const now = Option.getOrUndefined(DateTime.makeZoned(at, { timeZone: zone }))
  if (now === undefined) return undefined
  // Where clocks go back, a time occurs twice. The later one is certain to be after the reset.
  const millisOf = (date: DateParts): number | undefined =>
    Option.getOrUndefined(
      Option.map(
        DateTime.makeZoned(
          { ...date, ...time },
          { timeZone: zone, adjustForTimeZone: true, disambiguation: "later" }
        ),
        DateTime.toEpochMillis
      )
    )
  const { year } = DateTime.toParts(now)
  const isLate = (millis: number | undefined) => millis !== undefined && millis < at - lateMillis
  const firstThatIsNotOver = (...dates: ReadonlyArray<DateParts>): number | undefined =>
    dates.map(millisOf).find((millis) => !isLate(millis))
  if (groups["isoYear"] !== undefined)
    return millisOf({
      year: Number(groups["isoYear"]),
      month: Number(groups["isoMonth"]),
      day: Number(groups["isoDay"])
    })
  if (groups["month"] !== undefined) {
    const index = months.indexOf(groups["month"].slice(0, 3).toLowerCase())
    if (index === -1) return undefined
    const date = { month: index + 1, day: Number(groups["day"]) }
    if (groups["year"] !== undefined) return millisOf({ year: Number(groups["year"]), ...date })
    // A text of 31 December can arrive in the next year.
    const lastYear = millisOf({ year: year - 1, ...date })
    if (lastYear !== undefined && !isLate(lastYear)) return lastYear
    return firstThatIsNotOver({ year, ...date }, { year: year + 1, ...date })
  }
  const dayAt = (days: number): DateParts => {
    const { day, month, year } = DateTime.toParts(DateTime.add(now, { days }))
    return { day, month, year }
  }
  // "11:59 PM" can arrive after midnight.
  return firstThatIsNotOver(dayAt(-1), dayAt(0), dayAt(1))
}

interface DateParts {
  readonly year: number
  readonly month: number
  readonly day: number
}

/** Returns when a limit resets, in milliseconds since the epoch, or `undefined` if the text does not say. */
export const resetsAt = (text: string, origin: TextOrigin | undefined): number | undefined => {
  if (origin === undefined || origin.at <= 0) return undefined
  const wait = waitMillis(text)
  const millis = wait === undefined ? instant(text, origin) : origin.at + wait
  return millis === undefined || !Number.isFinite(millis) ? undefined : millis
}
