import regexp from 'eslint-plugin-regexp';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  {
    ignores: [
      '**/dist/',
      '**/build/',
      '**/node_modules/',
      'services/common/src/gen/',
      'data/',
      '**/*.js',
      '**/*.mjs',
      '!gateway/static/*.js',
    ],
  },
  {
    files: ['**/*.ts'],
    plugins: { regexp },
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Whatever a stranger sends, no expression may take more than linear time. This plugin, for it is kept up and is plain
      // JavaScript: `recheck` and what stands on it bring binaries or want a Java machine.
      'regexp/no-super-linear-backtracking': ['error', { report: 'potential' }],
      'regexp/no-super-linear-move': ['error', { report: 'potential', ignorePartial: false, ignoreSticky: false }],
      // Numbers and booleans in messages are what the reader wants to see.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // grpc-js and fastify take async handlers where void is declared.
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // An underscore says that a value is left out on purpose.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // It does not see what callbacks and other threads change between two looks.
      '@typescript-eslint/no-unnecessary-condition': 'off',
    },
  },
);
