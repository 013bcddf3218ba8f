// Hands pictures that are pasted anywhere on the page to its uploader.

export default function () {
  /** @param {ClipboardEvent} event */
  const paste = (event) => {
    const pictures = [...event.clipboardData.files].filter((file) =>
      file.type.startsWith("image/"),
    );
    /** @type {HTMLInputElement | null} */
    const input = document.querySelector('input[type="file"]');
    if (!pictures.length || !input) {
      return;
    }
    const transfer = new DataTransfer();
    pictures.forEach((picture) => transfer.items.add(picture));
    input.files = transfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };
  document.addEventListener("paste", paste);
  return () => document.removeEventListener("paste", paste);
}
