/** Words for the time that is left. Seconds everywhere. */

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** `in 59 min 12 s`; by days beyond two of them, by date beyond ninety. */
export function formatRemaining(remaining: number, expires_at: number): string {
  if (remaining <= 0) return 'now'
  if (remaining > 90 * DAY) return formatDate(expires_at)
  if (remaining > 2 * DAY) return `in ${String(Math.floor(remaining / DAY))} days`
  const hours = Math.floor(remaining / HOUR)
  const minutes = Math.floor((remaining % HOUR) / MINUTE)
  const seconds = String(remaining % MINUTE).padStart(2, '0')
  if (hours > 0) return `in ${String(hours)} h ${String(minutes).padStart(2, '0')} min ${seconds} s`
  return minutes > 0 ? `in ${String(minutes)} min ${seconds} s` : `in ${String(remaining)} s`
}

/** `1 January 2100`, in the language of the page. */
export function formatDate(unix: number): string {
  const format = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' })
  return format.format(new Date(unix * 1000))
}
