/** Times as people read them. */
import { useEffect, useState } from "preact/hooks"

/** The current time, again and again. */
export const useNow = (everyMillis: number): number => {
  const [now, setNow] = useState(Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMillis)
    return () => clearInterval(timer)
  }, [everyMillis])
  return now
}

/** Formats how long is left: `9:05`, `1:02:03`. */
export const countdown = (millis: number): string => {
  const seconds = Math.max(0, Math.ceil(millis / 1000))
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  const two = (value: number) => String(value).padStart(2, "0")
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`
}

export const dateTime = (at: number): string =>
  new Date(at).toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" })
