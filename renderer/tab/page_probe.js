// Reports the page's first use of functions that need a drawn page, or that may outlive the document. It also hides from
// the page that it is not drawn, and lets no page close its tab. The signal is a window that Chromium never opens:
// Chromium tells the renderer the URL of that window. No page can stop the signal or send it by itself.
(() => {
  const { open, Reflect: { apply, construct } } = self, { defineProperty, getOwnPropertyDescriptor } = Object;

  // Replaces functions of the browser by Proxies: a Proxy still looks like a native function.
  const replace = (owner, part, names, handler, replaced) => {
    if (!owner) return;
    for (const name of names) {
      const descriptor = getOwnPropertyDescriptor(owner, name), native = descriptor?.[part];
      if (!native || !descriptor.configurable) continue;
      const proxy = descriptor[part] = new Proxy(native, handler);
      defineProperty(owner, name, descriptor);
      replaced?.push({ owner, name, part, native, proxy });
    }
  };

  // All functions of a signal share one handler: this runs in every document, and most documents use none of them.
  const watch = (signal, ...functions) => {
    let sent = false;
    const watched = [];
    const send = () => {
      if (sent) return;
      sent = true;
      // The signal comes first, and uses nothing that a page could have replaced.
      apply(open, self, [`about:blank#TOKEN-${signal}`]);
      for (let n = 0; n < watched.length; n++) {
        const { owner, name, part, native, proxy } = watched[n], descriptor = getOwnPropertyDescriptor(owner, name);
        if (descriptor?.[part] !== proxy) continue;
        descriptor[part] = native;
        defineProperty(owner, name, descriptor);
      }
    };
    const handler = {
      apply: (native, self, given) => { send(); return apply(native, self, given); },
      construct: (native, given, target) => {
        send();
        for (let n = 0; n < watched.length; n++) if (watched[n].proxy === target) target = watched[n].native;
        return construct(native, given, target);
      },
    };
    for (const [owner, part, ...names] of functions) replace(owner, part, names, handler, watched);
  };
  // Chromium builds an interface when a script names it, so this script names no more than it needs.
  const { Document, Element, Navigator, Promise } = self;
  // Chromium stores a script's cookie and requests the next page in different processes. If the script navigates at once,
  // the request may leave first, without the cookie. A read of the cookies returns when the cookie is stored.
  const cookies = getOwnPropertyDescriptor(Document.prototype, 'cookie').get;
  replace(Document.prototype, 'set', ['cookie'], {
    apply: (native, document, given) => { apply(native, document, given); apply(cookies, document, []); },
  });

  watch('frames', [self, 'value', 'requestAnimationFrame', 'requestIdleCallback'],
    [self.IntersectionObserver?.prototype, 'value', 'observe'], [self.ResizeObserver?.prototype, 'value', 'observe'],
    [Element.prototype, 'value', 'animate'], [Document.prototype, 'value', 'startViewTransition']);
  watch('lasting', [self, 'value', 'Worker', 'SharedWorker', 'WebSocket', 'webkitRequestFileSystem'],
    [self, 'get', 'localStorage', 'sessionStorage', 'indexedDB', 'caches', 'cookieStore', 'sharedStorage'],
    [self, 'set', 'name'], [Document.prototype, 'set', 'cookie'],
    [Navigator?.prototype, 'get', 'serviceWorker', 'storage', 'storageBuckets', 'locks']);

  // In a frozen page's document a request stays without a response: a page that retries after an error would otherwise
  // retry for ever.
  const root = getOwnPropertyDescriptor(Document.prototype, 'documentElement').get, { hasAttribute } = Element.prototype;
  const isFrozen = () => {
    const html = apply(root, document, []);
    return html && apply(hasAttribute, html, ['frozen-TOKEN']);
  };
  replace(self, 'value', ['fetch'], {
    apply: (native, self, given) => isFrozen() ? new Promise(() => {}) : apply(native, self, given),
  });

  // No script has opened the tab, so a browser ignores this. But Chromium closes a tab whose history has one entry.
  replace(self, 'value', ['close'], { apply: () => undefined });

  const shows = shown => ({ apply: (native, self) => { apply(native, self, []); return shown; } });
  replace(Document.prototype, 'get', ['hidden', 'webkitHidden'], shows(false));
  replace(Document.prototype, 'get', ['visibilityState', 'webkitVisibilityState'], shows('visible'));
  const swallow = event => { if (event.isTrusted) event.stopImmediatePropagation(); };
  // Not the event "resume": it comes before the scripts of the document that replaces a frozen one.
  for (const kind of ['visibilitychange', 'webkitvisibilitychange', 'freeze']) self.addEventListener(kind, swallow, true);
})();
