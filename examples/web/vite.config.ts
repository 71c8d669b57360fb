import { join } from 'node:path'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const here = import.meta.dirname

export default defineConfig({
  root: here,
  plugins: [react()],
  server: {
    // Vite's defaults answer every loopback origin and serve the whole repository, the development key included.
    cors: false,
    fs: { allow: [join(here, 'src'), join(here, '../../node_modules')] },
  },
  // Found at once, so that the first visit does not reload the page.
  optimizeDeps: {
    include: [
      'react',
      'react-dom/client',
      'react/jsx-dev-runtime',
      '@apollo/client',
      '@apollo/client/react',
      '@apollo/client/errors',
    ],
  },
  build: { outDir: join(here, 'dist') },
})
