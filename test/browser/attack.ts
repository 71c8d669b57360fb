/** What a hostile page can try on another origin without a user's help. Runs inside of that page. */
import type { Page } from 'playwright-core'

export interface Target {
  /** The address that answers operations. */
  readonly url: string
  /** The JSON of an operation. */
  readonly body: string
  /** The worst case: the page knows a credential. */
  readonly authorization?: string
}

/** What the page could read, by attempt; null: nothing. Every request is on its way when this resolves. */
export function attack(page: Page, target: Target): Promise<Record<string, string | null>> {
  return page.evaluate(async ({ url, body, authorization }) => {
    const fields = JSON.parse(body) as Record<string, string>
    const link = `${url}?${new URLSearchParams(fields).toString()}`
    const json = { 'content-type': 'application/json' }
    const send = (init: RequestInit) => async () => {
      const response = await fetch(url, { method: 'POST', credentials: 'include', body, ...init })
      return response.type === 'opaque' ? null : response.text()
    }

    function submitForm(enctype: string, names: Record<string, string>): Promise<string | null> {
      const frame = document.createElement('iframe')
      frame.name = `frame-${enctype}`
      const form = document.createElement('form')
      Object.assign(form, { method: 'post', action: url, enctype, target: frame.name })
      for (const [name, value] of Object.entries(names)) {
        const input = document.createElement('input')
        Object.assign(input, { type: 'hidden', name, value })
        form.append(input)
      }
      document.body.append(frame, form)
      return readWhenLoaded(frame, () => {
        form.submit()
      })
    }

    /** Loads the address into an element, and reads the document of a frame. */
    function load(tag: 'iframe' | 'img' | 'link' | 'object' | 'script', attribute: string): Promise<string | null> {
      const element = document.createElement(tag)
      if (tag === 'link') element.setAttribute('rel', 'stylesheet')
      return readWhenLoaded(element, () => {
        element.setAttribute(attribute, link)
        document.body.append(element)
      })
    }

    function readWhenLoaded(element: Element, start: () => void): Promise<string | null> {
      return new Promise((resolve, reject) => {
        element.addEventListener('error', () => {
          resolve(null)
        })
        element.addEventListener('load', () => {
          if (!(element instanceof HTMLIFrameElement)) resolve(null)
          else if (element.contentDocument?.URL === 'about:blank') return
          else if (element.contentWindow === null) reject(new Error('no window'))
          else resolve(element.contentDocument?.body.textContent ?? null)
        })
        start()
      })
    }

    const beacon = (data: BodyInit) => () => Promise.resolve(navigator.sendBeacon(url, data) ? null : 'not sent')
    const half = body.slice(0, -1)
    const attempts: Record<string, () => Promise<string | null>> = {
      'form, urlencoded': () => submitForm('application/x-www-form-urlencoded', fields),
      'form, multipart': () => submitForm('multipart/form-data', { operations: body, map: '{}', ...fields }),
      // The one way to make a form write JSON: name=value.
      'form, text': () => submitForm('text/plain', { [`${half},"padding":"`]: '"}' }),
      'fetch, text': send({ headers: { 'content-type': 'text/plain' } }),
      'fetch, no-cors text': send({ mode: 'no-cors' }),
      'fetch, no-cors JSON': send({ mode: 'no-cors', headers: json }),
      'fetch, JSON': send({ headers: json }),
      'fetch, JSON with a credential': send({ headers: { ...json, authorization: authorization ?? 'Bearer guess' } }),
      'fetch, GET': async () => (await fetch(link, { credentials: 'include' })).text(),
      'fetch, the page': async () => (await fetch(url, { headers: { accept: 'text/html' } })).text(),
      'beacon, text': beacon(body),
      'beacon, form': beacon(new URLSearchParams(fields)),
      'beacon, multipart': beacon(new FormData()),
      'beacon, JSON': beacon(new Blob([body], { type: 'application/json' })),
      img: () => load('img', 'src'),
      script: () => load('script', 'src'),
      stylesheet: () => load('link', 'href'),
      iframe: () => load('iframe', 'src'),
      object: () => load('object', 'data'),
    }
    const read: Record<string, string | null> = {}
    for (const [name, attempt] of Object.entries(attempts)) read[name] = await attempt().catch(() => null)
    return read
  }, target)
}
