/** Notifications of the browser about waiting requests, while the page is open. */
import { useEffect, useRef, useState } from "preact/hooks"
import type { InboxMessage } from "./Messages.ts"

const storageKey = "effect-codex notifications"

export type Choice = "off" | "count" | "title"

const toChoice = (text: string | null): Choice => (text === "count" || text === "title" ? text : "off")

let choice = toChoice(localStorage.getItem(storageKey))

const isSupported = (): boolean => "Notification" in window

/** The text of a notification. A locked screen shows it, so it names nothing of the request unless the person chose that. */
export const textOf = (choice: Choice, waiting: ReadonlyArray<InboxMessage>): string => {
  const [newest] = waiting.slice(-1)
  return choice === "title" && newest !== undefined
    ? `The agent asks to ${newest.title}`
    : waiting.length === 1
      ? "A request waits for an answer"
      : `${waiting.length} requests wait for an answer`
}

const show = (waiting: ReadonlyArray<InboxMessage>): void => {
  if (choice === "off" || !isSupported() || Notification.permission !== "granted") return
  try {
    const notification = new Notification("effect-codex", {
      body: textOf(choice, waiting),
      tag: "effect-codex-inbox"
    })
    notification.addEventListener("click", () => {
      window.focus()
      location.hash = "#/inbox"
    })
  } catch {
    // Chrome on Android only notifies from a service worker, which this page does not have.
  }
}

/** Notifies of each request that was not there before. */
export const useNotifications = (inbox: ReadonlyArray<InboxMessage>): void => {
  const known = useRef<ReadonlySet<string>>(new Set())
  useEffect(() => {
    if (inbox.some(({ id }) => !known.current.has(id))) show(inbox)
    known.current = new Set(inbox.map(({ id }) => id))
  }, [inbox])
}

/** Lets the person choose, and asks the browser for its permission when they do. */
export const NotificationSetting = () => {
  const [value, setValue] = useState<Choice>(choice)
  const [problem, setProblem] = useState("")
  const change = async (next: Choice) => {
    setProblem("")
    if (next !== "off" && (!isSupported() || (await Notification.requestPermission()) !== "granted")) {
      setProblem("The browser does not allow notifications of this page.")
      return
    }
    choice = next
    localStorage.setItem(storageKey, next)
    setValue(next)
  }
  return (
    <div>
      <label>
        Notifications while this page is open{" "}
        <select value={value} onChange={(event) => void change(toChoice(event.currentTarget.value))}>
          <option value="off">none</option>
          <option value="count">that something waits</option>
          <option value="title">what kind of request waits</option>
        </select>
      </label>
      {problem !== "" && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
    </div>
  )
}
