/** Asks for a token. */
import { useState } from "preact/hooks"
import { login, ServerError } from "./Client.ts"
import type { LoginMessage } from "./Messages.ts"

export const explainLogin = (error: unknown): string =>
  error instanceof ServerError && error.status === 401
    ? "The server does not know this token or code."
    : error instanceof Error
      ? error.message
      : "The login failed."

export const LoginView = (props: {
  readonly problem: string
  readonly onLogin: (login: LoginMessage) => void
}) => {
  const [secret, setSecret] = useState("")
  const [problem, setProblem] = useState(props.problem)
  const submit = async () => {
    try {
      props.onLogin(await login({ token: secret.trim() }))
    } catch (error) {
      setProblem(explainLogin(error))
    }
  }
  return (
    <main class="login">
      <h1>effect-codex</h1>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void submit()
        }}
      >
        <label for="secret">Token</label>
        <input
          id="secret"
          type="password"
          autocomplete="off"
          required
          value={secret}
          onInput={(event) => setSecret(event.currentTarget.value)}
        />
        {problem !== "" && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <button type="submit" class="button primary">
          Log in
        </button>
      </form>
      <p class="facts">
        Make a token with <code>effect-codex serve token add NAME --role approve</code> on the machine of the
        server.
      </p>
    </main>
  )
}
