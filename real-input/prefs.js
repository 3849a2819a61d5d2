// A Firefox that asks nobody outside this machine and shows its first page at once.
user_pref("network.proxy.type", 1);
user_pref("network.proxy.http", "127.0.0.1");
user_pref("network.proxy.http_port", 9);
user_pref("network.proxy.ssl", "127.0.0.1");
user_pref("network.proxy.ssl_port", 9);
user_pref("network.proxy.no_proxies_on", "127.0.0.1");
user_pref("browser.aboutwelcome.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
// Firefox writes how long a page was looked at every few seconds; every second is enough for a short visit.
user_pref("browser.places.interactions.saveInterval", 1000);
