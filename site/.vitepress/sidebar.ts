const page = (text: string, link: string) => ({ text, link });

/** Guides apart from reference. A test holds it against the pages that there are. */
export const SIDEBAR = [
  {
    text: 'Use it',
    items: [
      page('Getting started', '/start'),
      page('Examples', '/examples'),
      page('Client for TypeScript', '/client'),
      page('Processors in a file', '/processors-file'),
      page('Contracts', '/contracts'),
      page('Certify a contract', '/certify'),
    ],
  },
  {
    text: 'Run it',
    items: [
      page('A day of an operator', '/operators-day'),
      page('Production', '/production'),
      page('Scaling', '/scaling'),
      page('Upgrades', '/upgrades'),
      page('Operations', '/operations'),
      page('Processors, while running', '/processors'),
      page('Security', '/security'),
      page('API keys', '/keys'),
      page('The dashboard', '/dashboard'),
      page('Audit', '/audit'),
      page('Books', '/books'),
      page('Events', '/events'),
      page('Webhooks', '/webhooks'),
      page('Traces', '/tracing'),
    ],
  },
  {
    text: 'Reference',
    items: [
      page('Settings', '/settings'),
      page('HTTP API', '/api'),
      page('Errors', '/errors'),
      page('Metrics', '/metrics'),
      page('Changelog', '/changelog'),
    ],
  },
  {
    text: 'Understand it',
    items: [
      page('Reliability', '/reliability'),
      page('Architecture', '/architecture'),
      page('Decisions', '/decisions/'),
      page('Benchmarks', '/benchmarks'),
      page('The contest', '/rinha'),
      page('Contributing', '/contributing'),
    ],
  },
];

export const NAVIGATION = [
  page('Start', '/start'),
  page('Settings', '/settings'),
  page('API', '/api'),
  page('Metrics', '/metrics'),
];
