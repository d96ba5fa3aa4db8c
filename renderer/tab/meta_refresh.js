// Chromium ignores the fraction of a second in <meta http-equiv=refresh content="0.5; url=...">. Splash does not, so this
// script delays the navigation by the fraction.
(() => {
  const navigation = self.navigation, later = self.setTimeout.bind(self);
  let waited = false;
  const delayed = url => {
    for (const meta of document.querySelectorAll('meta[http-equiv="refresh" i][content]')) {
      const [, fraction, target] = /^\s*\d*(\.\d+)[\d.]*\s*(?:[;,]?\s*(?:url\s*=)?\s*(.*))?$/is.exec(meta.content) ?? [];
      if (!(fraction > 0)) continue;
      const quoted = /^(["'])(.*?)(?:\1|$)/s.exec(target ?? '');
      const address = (quoted ? quoted[2] : target ?? '').trim();
      if (!URL.canParse(address, document.baseURI)) continue;
      const destination = address ? new URL(address, document.baseURI).href : document.URL;
      if (destination === url) return fraction * 1000;
    }
    return 0;
  };
  navigation?.addEventListener('navigate', event => {
    const { cancelable, userInitiated, formData, navigationType } = event, { url } = event.destination;
    if (waited || !cancelable || userInitiated || formData) return;
    if (navigationType !== 'replace' && navigationType !== 'reload') return;
    const delay = delayed(url);
    if (!delay) return;
    waited = true;
    event.preventDefault();
    later(() => navigationType === 'reload' ? location.reload() : location.replace(url), delay);
  });
})();
