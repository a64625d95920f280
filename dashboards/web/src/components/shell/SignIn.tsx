// Signing in, over whatever page is shown: what was typed there stays, and goes on when the session is back.
// On the very first start it makes the first administrator with the token that the server printed.
import { Button, Modal, PasswordInput, TextInput } from "@mantine/core";
import { useState } from "react";
import { Problem } from "../../api/client";
import { useSession, useSetupNeeded, useSignIn } from "../../api/session";
import { phrases } from "../../base/language";
import { TroubleNote } from "../Answered";

const useWords = phrases("signIn", {
  title: ["Sign in", "登录"],
  expired: ["Your session has ended. Sign in to go on where you were.", "会话已过期，登录后可继续当前操作。"],
  user: ["Name", "用户名"],
  password: ["Password", "密码"],
  enter: ["Sign in", "登录"],
  wrong: ["Name or password is wrong", "用户名或密码错误"],
  often: ["Too many attempts. Wait a moment.", "尝试次数过多，请稍候再试。"],
  first: ["First start: make the administrator", "首次启动：创建管理员"],
  firstAbout: ["The server printed a line `setup TOKEN` when it started. Whoever can read that may make the first user.", "服务器启动时打印了一行 `setup TOKEN`，凭此可创建第一个用户。"],
  token: ["Setup token", "初始化令牌"],
  long: ["At least 10 characters", "至少 10 个字符"],
  make: ["Make and sign in", "创建并登录"],
});

export function SignInForm() {
  const w = useWords();
  const { signIn, setUp } = useSignIn();
  const setup = useSetupNeeded(true).data?.needed ?? false;
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const wrong = error instanceof Problem && error.trouble === "expired";
  const often = error instanceof Problem && error.status === 429;
  const submit = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      await (setup ? setUp(token, user, password) : signIn(user, password));
    } catch (reason) {
      setError(reason);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      {setup && (
        <>
          <p className="dim">{w("firstAbout")}</p>
          <TextInput label={w("token")} value={token} onChange={(event) => setToken(event.currentTarget.value)} required autoComplete="off" />
        </>
      )}
      <TextInput label={w("user")} value={user} onChange={(event) => setUser(event.currentTarget.value)} required autoComplete="username" data-autofocus />
      <PasswordInput
        label={w("password")}
        description={setup ? w("long") : undefined}
        value={password}
        onChange={(event) => setPassword(event.currentTarget.value)}
        required
        autoComplete={setup ? "new-password" : "current-password"}
        error={wrong ? w("wrong") : often ? w("often") : undefined}
      />
      {!!error && !wrong && !often && <TroubleNote error={error} />}
      <Button type="submit" loading={busy}>
        {setup ? w("make") : w("enter")}
      </Button>
    </form>
  );
}

/** Opens when the server says that nobody is signed in, and closes by itself when somebody is. */
export function SignInGate({ expired }: { expired: boolean }) {
  const w = useWords();
  const session = useSession();
  const setup = useSetupNeeded(expired).data?.needed ?? false;
  const had = !!session.data?.user;
  return (
    <Modal
      opened={expired}
      onClose={() => undefined}
      withCloseButton={false}
      closeOnEscape={false}
      closeOnClickOutside={false}
      title={setup ? w("first") : w("title")}
      size="sm"
      centered
      lockScroll={false}
      overlayProps={{ backgroundOpacity: 0.45, blur: 3 }}
    >
      {had && <p className="dim">{w("expired")}</p>}
      <SignInForm />
    </Modal>
  );
}
