const names: Readonly<Record<string, string>> = {
  google: 'Google',
  github: 'GitHub',
  gitlab: 'GitLab',
  hubspot: 'HubSpot',
  linkedin: 'LinkedIn',
  microsoft: 'Microsoft',
  salesforce: 'Salesforce',
  slack: 'Slack',
  x: 'X',
}

/** `oauth_google` → `Google`; `oauth_custom_acme` → `Acme`. */
export function nameProvider(provider: string): string {
  const bare = provider.replace(/^oauth_(custom_)?/, '')
  return names[bare] ?? bare.slice(0, 1).toUpperCase() + bare.slice(1).replaceAll('_', ' ')
}
