/** Notifications of the browser about waiting requests, while the page is open. */
import { useEffect, useRef, useState } from "preact/hooks"
import type { InboxMessage } from "./Messages.ts"
import { focusRequest, requestLink } from "./RequestCard.tsx"

const storageKey = "effect-codex notifications"

export type Choice = "off" | "count" | "title"

const toChoice = (text: string | null): Choice => (text === "count" || text === "title" ? text : "off")

let choice = toChoice(localStorage.getItem(storageKey))

const isSupported = (): boolean => "Notification" in window

/** The text of a notification. A locked screen shows it, so it names nothing of the request unless the person chose that. */
export const textOf = (choice: Choice, { title }: InboxMessage, waiting: number): string =>
  choice === "title"
    ? `The agent asks to ${title}`
    : waiting === 1
      ? "A request waits for an answer"
      : `${waiting} requests wait for an answer`

/** Shows a notification of one request, and returns it. A click on it opens the request. */
const show = (entry: InboxMessage, waiting: ReadonlyArray<InboxMessage>): Notification | undefined => {
  if (choice === "off" || !isSupported() || Notification.permission !== "granted") return undefined
  try {
    const notification = new Notification("effect-codex", {
      body: textOf(choice, entry, waiting.length),
      // Several tabs with this page show one notification of a request, and a later request does not replace it.
      tag: `effect-codex ${entry.id}`
    })
    notification.addEventListener("click", () => {
      window.focus()
      notification.close()
      location.hash = requestLink(entry.id)
      // The address does not change if it names the request already.
      focusRequest(entry.id)
    })
    return notification
  } catch {
    // Chrome on Android only notifies from a service worker, which this page does not have.
    return undefined
  }
}

/**
 * Notifies of each new request once, while the page is hidden: a visible page shows the request itself. A notification goes away
 * with its request. Requests come back to the list when the server reaches its database again, so the page remembers all of them.
 */
export const useNotifications = (inbox: ReadonlyArray<InboxMessage>): void => {
  const known = useRef(new Set<string>())
  const shown = useRef(new Map<string, Notification>())
  useEffect(() => {
    for (const entry of inbox) {
      if (known.current.has(entry.id)) continue
      known.current.add(entry.id)
      const notification = document.visibilityState === "hidden" ? show(entry, inbox) : undefined
      if (notification !== undefined) shown.current.set(entry.id, notification)
    }
    for (const [id, notification] of shown.current) {
      if (inbox.some((entry) => entry.id === id)) continue
      notification.close()
      shown.current.delete(id)
    }
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
