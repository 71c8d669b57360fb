/**
 * Prints the path of the Chromium that `@sparticuz/chromium` carries, unpacked into `TMPDIR`: the browser, a font and
 * the few shared libraries that a bare Debian lacks (libnss3, libnspr4, libexpat1). A program of its own, because the
 * package takes its folder and what to unpack from the environment of the process.
 */
import chromium from '@sparticuz/chromium'

process.stdout.write(await chromium.executablePath())
