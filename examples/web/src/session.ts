/** The session is a cookie that only the backend reads; the page can begin and end it. */

export async function beginSession(): Promise<boolean> {
  return send('POST')
}

export async function endSession(): Promise<boolean> {
  return send('DELETE')
}

async function send(method: 'POST' | 'DELETE'): Promise<boolean> {
  try {
    return (await fetch('/session', { method })).ok
  } catch {
    return false
  }
}
