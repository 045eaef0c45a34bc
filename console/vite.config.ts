import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** `npm run dev` in this folder shows changes at once; it hands calls on to the system of `npm start`. */
const system = process.env['OLMS_URL'] ?? 'http://127.0.0.1:8080';
const paths = [
  'orders',
  'stock',
  'payments',
  'bulk',
  'exports',
  'stream',
  'dashboard',
  'health',
  'console/session',
  'console/people',
  'console/roles',
  'api-keys',
];

export default defineConfig({
  base: '/console/',
  plugins: [react()],
  resolve: { alias: { '#client': new URL('../clients/typescript/src/client.ts', import.meta.url).pathname } },
  build: {
    target: 'es2023',
    // These know light-dark(); it must not be written out for older ones, which Mantine's switch would not reach.
    cssTarget: ['chrome123', 'firefox121', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: Object.fromEntries(paths.map((path) => [`/${path}`, { target: system, changeOrigin: false }])) },
});
