/** Whether every `%` of the text begins the code of a byte, and the bytes are UTF-8. */
export function isDecodable(text: string): boolean {
  try {
    return decodeURIComponent(text) !== undefined;
  } catch {
    return false;
  }
}
