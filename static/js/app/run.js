// A form in place of a text: Escape leaves it as its Cancel link does, and focus returns to what opened it.
(() => {
  'use strict';
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    const cancel = event.target.closest?.('form[data-edit]')?.querySelector('[data-cancel]');
    if (cancel) { event.preventDefault(); cancel.click(); }
  });
  let left = '';
  document.addEventListener('htmx:beforeSwap', (event) => { left = event.detail.target.querySelector?.('form[data-edit]')?.dataset.edit ?? ''; });
  document.addEventListener('htmx:afterSettle', () => {
    if (left && !document.querySelector('form[data-edit]')) document.querySelector(`[data-edits="${CSS.escape(left)}"]`)?.focus();
    left = '';
  });
})();
