/** The usage limits of the account, and how the server runs turns. */
import { useEffect, useState } from "preact/hooks"
import { explain, get } from "./Client.ts"
import type { LimitsMessage, MeMessage, WindowMessage } from "./Messages.ts"
import { NotificationSetting } from "./Notifications.tsx"
import { countdown, dateTime } from "./Times.ts"

const Window = ({ label, window }: { readonly label: string; readonly window: WindowMessage | undefined }) =>
  window === undefined ? null : (
    <div class="limit">
      <label>
        {label}
        {window.windowMillis === undefined
          ? ""
          : ` of ${Math.round(window.windowMillis / 3_600_000)} h`}:{" "}
        {window.usedPercent} % used
        <meter min={0} max={100} value={window.usedPercent} />
      </label>
      {window.resetsAt !== undefined && <p class="facts">resets at {dateTime(window.resetsAt)}</p>}
    </div>
  )

export const LimitsView = ({ me }: { readonly me: MeMessage }) => {
  const [limits, setLimits] = useState<LimitsMessage>()
  const [problem, setProblem] = useState("")
  useEffect(() => {
    get<LimitsMessage>("/limits").then(setLimits, (error: unknown) => setProblem(explain(error)))
  }, [])
  return (
    <section aria-labelledby="limits-heading">
      <h2 id="limits-heading" tabIndex={-1}>
        Limits
      </h2>
      {problem !== "" && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {limits?.limits.length === 0 && <p>The account has no limits.</p>}
      {limits?.limits.map(({ id, name, plan, primary, reached, secondary }) => (
        <div key={id} class="card">
          <h3>{[name ?? id, plan].filter(Boolean).join(", ")}</h3>
          {reached !== undefined && <p class="problem">reached: {reached}</p>}
          <Window label="Short window" window={primary} />
          <Window label="Long window" window={secondary} />
        </div>
      ))}
      <h3>This page</h3>
      <NotificationSetting />
      <h3>This server</h3>
      <dl class="settings">
        <dt>Token</dt>
        <dd>
          {me.name} ({me.roles.join(", ")})
        </dd>
        <dt>Directory</dt>
        <dd>{me.directory}</dd>
        <dt>Sandbox</dt>
        <dd>{me.sandbox}</dd>
        <dt>Network in the sandbox</dt>
        <dd>{me.network ? "allowed" : "not allowed"}</dd>
        <dt>A request waits at most</dt>
        <dd>{countdown(me.approvalTimeout)}</dd>
      </dl>
    </section>
  )
}
