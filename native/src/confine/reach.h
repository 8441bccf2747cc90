// Whether another user than root gets at what root names.
#pragma once

#include <string>
#include <vector>

#include "options.h"

namespace sortie {

/**
 * Holds the named files and folders open, so that they can be asked for whoever may enter the folders above them: the command
 * gets them as descriptors.
 */
class Reach {
 public:
  explicit Reach(const Options& options);

  /** Ends the launcher with the first of them that the user of the process may not use as it has to, and says what to do. */
  void check(const std::string& user) const;

 private:
  struct Named {
    std::string path;
    int fd;
    int wanted;
  };
  std::vector<Named> named_;
};

}  // namespace sortie
