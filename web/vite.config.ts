import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// Where a gateway runs while pages are developed: `npx vite` serves them with live changes.
const gateway = process.env['ROBOT_CELL_GATEWAY'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: '../robot_cell/gateway/static',
    emptyOutDir: true,
    target: 'es2022',
    // three.js and ECharts are loaded only by the pages that draw with them.
    chunkSizeWarningLimit: 900,
  },
  server: { proxy: { '/api': { target: gateway, ws: true } } },
});
